export { AuthError, NotAuthenticatedError, ServiceError, type AuthErrorCode, type AuthErrorOptions } from "./errors.ts";

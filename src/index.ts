export { AuthError, NotAuthenticatedError, ServiceError } from "./errors.ts";

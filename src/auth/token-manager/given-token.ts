import { NotAuthenticatedError, hint } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { TokenGiver } from "./token-source.ts";

/** The token of a variable: sent as is, never stored or refreshed. */
export function givenToken(accessToken: Secret): TokenGiver {
  return {
    async getCredential() {
      return { accessToken, tokenType: "Bearer", accessTokenExpiresAt: undefined, clockOffsetMs: 0 };
    },
    async sessionRefused() {
      throw new NotAuthenticatedError("the service rejects the access token", {
        code: "session_ended",
        hint: hint`Set ${{ variable: "ACCESS_TOKEN" }} to a new one`,
      });
    },
  };
}

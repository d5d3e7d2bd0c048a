import type { JsonObject } from "../../http/json-members.ts";
import { parseChallenges } from "./www-authenticate.ts";

/**
 * Whether a refusal says that the session itself has expired or was revoked, so that no refresh can help. Any other 401 is about
 * the access token alone.
 *
 * @param headers - of the response: a challenge (RFC 6750 §3, RFC 9449 §7.1) is read where there is no JSON
 * @param body - undefined when it is not a JSON object
 */
export function saysSessionEnded(headers: Headers, body: JsonObject | undefined): boolean {
  const error = body?.["error"] ?? challengeError(headers);
  return error === "session_invalid" || error === "token_revoked";
}

/** The `error` of the challenge, for a service that puts it in the header. */
function challengeError(headers: Headers): string | undefined {
  const challenges = parseChallenges(headers.get("www-authenticate") ?? "");
  return challenges.find(({ scheme, parameters }) => (scheme === "bearer" || scheme === "dpop") && parameters.has("error"))?.parameters.get("error");
}

import { readJsonObject } from "../../http/request.ts";
import { parseChallenges } from "./www-authenticate.ts";

/**
 * Whether a 401 says that the session itself is over, so that no refresh can help. Everything else a 401 may say, or not say,
 * is about the access token alone.
 *
 * @param response - its body is left to be read by others
 */
export async function isSessionOver(response: Response): Promise<boolean> {
  const error = (await errorInBody(response.clone())) ?? challengeError(response.headers);
  return error === "session_invalid" || error === "token_revoked";
}

async function errorInBody(response: Response): Promise<string | undefined> {
  try {
    const error = (await readJsonObject(response))?.["error"];
    return typeof error === "string" ? error : undefined;
  } catch {
    // Cut off or far too large: then it says nothing, and the status alone counts.
    return undefined;
  }
}

/** The `error` of the challenge (RFC 6750 §3, RFC 9449 §7.1), for a service that says it in the header. */
function challengeError(headers: Headers): string | undefined {
  const challenges = parseChallenges(headers.get("www-authenticate") ?? "");
  return challenges.find(({ scheme, parameters }) => (scheme === "bearer" || scheme === "dpop") && parameters.has("error"))?.parameters.get("error");
}

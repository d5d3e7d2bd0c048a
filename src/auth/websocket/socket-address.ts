import { isConfidential } from "../../base/url.ts";
import { AuthError } from "../../base/errors.ts";

/**
 * Judges the address that the service gives for a WebSocket. The ticket that goes there is a credential, so plain `ws:` is for
 * this machine only. An address that carries a token in its query is refused: queries end up in logs (RFC 6750 §5.3), and the
 * service does not look there.
 *
 * @param text - `ws_url`; `http:` and `https:` count as `ws:` and `wss:`
 * @throws {@link AuthError} `service_answer_invalid`
 */
export function socketAddress(text: string): URL {
  const refuse = (why: string): AuthError =>
    new AuthError("service_answer_invalid", `the service gave an address for live updates that ${why}`, { hint: "Tell whoever runs the service. Events still go in batches: spec-kitty sync now" });
  if (!URL.canParse(text)) throw refuse("is not one");
  const url = new URL(text.replace(/^\s*(http|ws)(s?):/i, "http$2:"));
  // Without quoting it, since what is refused here may hold a credential.
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse(`is neither "ws:" nor "wss:"`);
  if (!isConfidential(url)) throw refuse(`would carry the ticket in the clear to ${url.host}`);
  if (url.username || url.password || url.hash) throw refuse("holds a user name, a password or a fragment");
  if ([...url.searchParams.keys()].some((key) => /token/i.test(key))) throw refuse("carries a token in its query");
  return new URL(url.href.replace(/^http/, "ws"));
}

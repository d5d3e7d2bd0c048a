import { AuthError, issuersMistake } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { Fetch } from "../../base/runtime-types.ts";
import { discardBody, peekBody } from "../../http/peek.ts";
import { parseJsonObject } from "../../http/request.ts";
import type { Clock } from "../../platform/clock.ts";
import { clientFetch, type ClientAtServer } from "./client-authentication.ts";
import { dpopProof, type DpopProofClaims, type Prover } from "./dpop-proof.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import { challengesOf } from "./www-authenticate.ts";

/** RFC 9449. */
interface TokenBinding {
  readonly tokenType: TokenResponse["token_type"];
  readonly dpopKey?: Secret | undefined;
  /** Where the key is elsewhere. */
  readonly prove?: Prover | undefined;
  /** The server's clock minus this machine's, in milliseconds. */
  readonly clockOffsetMs: number;
}

interface Sender {
  fetch: Fetch;
  clock: Clock;
  /** The last nonce of each origin (RFC 9449 §8.2), of the process by default. */
  nonces?: Map<string, string>;
}

/** With the client's secret, and the key for the new tokens (RFC 9449 §5). */
export function tokenEndpointFetch(session: ClientAtServer & Partial<TokenBinding>, sender: Sender): Fetch {
  return boundFetch(session, { ...sender, fetch: clientFetch(session, sender.fetch) });
}

function boundFetch({ dpopKey, prove, clockOffsetMs = 0 }: Partial<TokenBinding>, sender: Sender): Fetch {
  const prover = prove ?? (dpopKey && ((claims: DpopProofClaims): string => dpopProof(dpopKey, claims)));
  return prover === undefined ? sender.fetch : dpopFetch(prover, clockOffsetMs, sender);
}

/** With a proof if the token is bound to a key (RFC 9449 §7.1). A server may bind only the refresh token. */
export function resourceFetch(binding: TokenBinding, sender: Sender): Fetch {
  return binding.tokenType === "DPoP" ? boundFetch(binding, sender) : sender.fetch;
}

/** Bound tokens are useless if no key was offered. */
export function validateTokenType(
  { tokenType, dpopKey }: Pick<TokenBinding, "tokenType" | "dpopKey">,
  issuer: string,
): void {
  if (tokenType !== "DPoP" || dpopKey !== undefined) return;
  throw new AuthError("service_answer_invalid", `"${issuer}" bound the tokens to a key, but none was sent`, {
    hint: issuersMistake,
  });
}

/** A nonce is its server's, not a session's: an outdated one costs just another request. */
const nonceOf = new Map<string, string>();
/** Servers accept proofs for some minutes; in milliseconds. */
const toleranceMs = 60_000;

/**
 * A `Bearer` access token goes out as `DPoP`, with its hash in the proof (§7.1).
 *
 * A server that requires a nonce (§8, §9) or refuses the proof's time (§4.3) has done nothing yet. Its `Date` corrects
 * the time: at login the clock's error is unknown, and it may have been set since. The request is then sent once more,
 * even with a code or a refresh token, unless its body was a stream.
 */
function dpopFetch(prove: Prover, clockOffsetMs: number, { fetch, clock, nonces = nonceOf }: Sender): Fetch {
  let offsetMs = clockOffsetMs;
  return async (input, init = {}) => {
    const url = new URL(input);
    // `fetch` keeps the case of some methods, and the proof must name what was sent.
    const method = init.method?.toUpperCase() ?? "GET";
    const headers = new Headers(init.headers);
    const access_token = /^(?:Bearer|DPoP) +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    if (access_token !== undefined) headers.set("authorization", `DPoP ${access_token}`);
    const attempt = async (): Promise<Response> => {
      const nonce = nonces.get(url.origin);
      headers.set("dpop", await prove({ htm: method, htu: url, now: clock.now() + offsetMs, access_token, nonce }));
      const response = await fetch(input, { ...init, method, headers: Object.fromEntries(headers) });
      const next = response.headers.get("dpop-nonce");
      if (next) nonces.set(url.origin, next);
      return response;
    };
    const { error, response } = await proofError(await attempt(), clock);
    if (init.body instanceof ReadableStream) return response;
    const serverOffsetMs = Date.parse(response.headers.get("date") ?? "") - clock.now();
    if (error === "invalid_dpop_proof" && Math.abs(serverOffsetMs - offsetMs) > toleranceMs) offsetMs = serverOffsetMs;
    else if (error !== "use_dpop_nonce" || !response.headers.has("dpop-nonce")) return response;
    await discardBody(response);
    return attempt();
  };
}

/** An authorization server puts it in its JSON (RFC 9449 §5, §8), a resource server in its challenge (§7.1, §9). */
async function proofError(response: Response, clock: Clock): Promise<{ error?: unknown; response: Response }> {
  if (response.status !== 400 && response.status !== 401) return { response };
  const challenge = challengesOf(response.headers).find(
    ({ scheme, parameters }) => scheme === "dpop" && parameters.has("error"),
  );
  if (challenge !== undefined) return { error: challenge.parameters.get("error"), response };
  const peeked = await peekBody(response, clock);
  return { error: parseJsonObject(peeked.head)?.["error"], response: peeked.response };
}

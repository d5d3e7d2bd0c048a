import { createHash, generateKeyPairSync, randomBytes, sign, type JsonWebKey } from "node:crypto";
import { Secret } from "../../base/secret.ts";
import type { Clock } from "../../platform/clock.ts";
import { readJsonObject, type Fetch } from "../../http/request.ts";
import { jwkThumbprint, publicJwk } from "./jwk-thumbprint.ts";
import { parseChallenges } from "./www-authenticate.ts";

/** A fresh ES256 key pair as the text of a JWK. It is as secret as the tokens that are bound to it, and sealed with them. */
export function createDpopKey(): Secret {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Secret(JSON.stringify(privateKey.export({ format: "jwk" })));
}

/** What `dpop_jkt` of an authorization request carries: the code is bound to the key before it is even issued (RFC 9449 §10). */
export function dpopThumbprint(key: Secret): string {
  return jwkThumbprint(parse(key));
}

/** The request that a proof is for, and when. */
interface DpopProof {
  /** The method, as it is sent. */
  htm: string;
  /** The address; its query and fragment stay out of the proof (RFC 9449 §4.2). */
  htu: string | URL;
  /** The server's clock as far as it is known, in milliseconds since 1970. */
  now: number;
  /** The access token that goes along. */
  access_token?: string | undefined;
  /** What the server last asked to see. */
  nonce?: string | undefined;
}

/**
 * A proof that whoever sends this request has the key (RFC 9449 §4.2). Good for one request, to one address, for a moment.
 *
 * @param key - from {@link createDpopKey}
 */
function dpopProof(key: Secret, { htm, htu, now, access_token, nonce }: DpopProof): string {
  const jwk = parse(key);
  const { origin, pathname } = new URL(htu);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: publicJwk(jwk) };
  const claims = {
    jti: randomBytes(16).toString("base64url"),
    htm,
    htu: origin + pathname,
    iat: Math.floor(now / 1000),
    ath: access_token === undefined ? undefined : createHash("sha256").update(access_token, "ascii").digest("base64url"),
    nonce,
  };
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(input), { key: jwk, format: "jwk", dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** What {@link dpopFetch} works with. */
interface DpopOptions {
  fetch: Fetch;
  clock: Clock;
  /** From {@link createDpopKey}; the session's own. */
  key: Secret;
  /** The nonce that each origin gave last (RFC 9449 §8.2): one map for the life of the process, unless a test has its own. */
  nonces?: Map<string, string>;
  /** What to add to this machine's clock to get the server's, as far as it is known; 0 by default. */
  clockOffsetMs?: number;
}

/** A nonce is its server's, whoever asks: an old one, or another session's, costs one more request and nothing else. */
const nonceOf = new Map<string, string>();
/** Servers take proofs of some minutes; a difference of less than this, in milliseconds, is not why one was refused. */
const toleranceMs = 60_000;

/**
 * A `fetch` that proves possession of the key with every request. So every exchange of the protocol can be bound to a key
 * without knowing of it, and an access token that goes along as `Bearer` goes as `DPoP`, with its hash in the proof (§7.1).
 *
 * A server that wants a nonce of its own in the proof says so and has done nothing yet (§8, §9); neither has one that refuses a
 * proof whose time is wrong (§4.3), which its `Date` then mends: at login nobody knows yet how wrong this machine's clock is,
 * and it may have been set right since. The request is sent once more then, even one with a code or a refresh token, unless
 * its body was a stream, which can be sent once only.
 */
export function dpopFetch({ fetch, clock, key, nonces = nonceOf, clockOffsetMs = 0 }: DpopOptions): Fetch {
  let offsetMs = clockOffsetMs;
  return async (input, init = {}) => {
    const url = new URL(input);
    // In capitals on the wire as well: `fetch` leaves the case of some methods as it is, and the proof must say what was sent.
    const method = init.method?.toUpperCase() ?? "GET";
    const headers = new Headers(init.headers);
    const access_token = /^(?:Bearer|DPoP) +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    if (access_token !== undefined) headers.set("authorization", `DPoP ${access_token}`);
    const attempt = async (): Promise<Response> => {
      const nonce = nonces.get(url.origin);
      headers.set("dpop", dpopProof(key, { htm: method, htu: url, now: clock.now() + offsetMs, access_token, nonce }));
      const response = await fetch(input, { ...init, method, headers: Object.fromEntries(headers) });
      const next = response.headers.get("dpop-nonce");
      if (next) nonces.set(url.origin, next);
      return response;
    };
    const response = await attempt();
    if (init.body instanceof ReadableStream) return response;
    const fault = await proofFault(response);
    const serverOffsetMs = Date.parse(response.headers.get("date") ?? "") - clock.now();
    if (fault === "invalid_dpop_proof" && Math.abs(serverOffsetMs - offsetMs) > toleranceMs) offsetMs = serverOffsetMs;
    else if (fault !== "use_dpop_nonce" || !response.headers.has("dpop-nonce")) return response;
    await response.body?.cancel();
    return attempt();
  };
}

/**
 * What an answer says is wrong with the proof, if that is what it is about: an authorization server by the `error` of its JSON
 * (RFC 9449 §5, §8), a resource server by its challenge (§7.1, §9). The body can still be read afterwards.
 */
async function proofFault(response: Response): Promise<unknown> {
  if (response.status !== 400 && response.status !== 401) return undefined;
  const challenges = parseChallenges(response.headers.get("www-authenticate") ?? "");
  const challenge = challenges.find(({ scheme, parameters }) => scheme === "dpop" && parameters.has("error"));
  return challenge?.parameters.get("error") ?? (await readJsonObject(response.clone()))?.["error"];
}

function parse(key: Secret): JsonWebKey {
  return JSON.parse(key.reveal()) as JsonWebKey;
}

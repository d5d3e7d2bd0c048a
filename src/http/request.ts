import { shownAddress } from "../base/address.ts";
import { AuthError, reasonOf, ServiceError, systemErrorCode, hint, login, type Hint } from "../base/errors.ts";
import { excerpt } from "../base/secret.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { Clock } from "../platform/clock.ts";
import { isJsonObject, parseJson, textOf, type JsonObject } from "./json-members.ts";
import { whenToRetry, isTransientStatus, retryAfter } from "./retry.ts";

export interface ExchangeOptions {
  fetch: runtime.Fetch;
  clock: Clock;
  signal?: AbortSignal | undefined;
  /** From the first byte sent to the last byte read, in milliseconds; 10,000 by default. */
  timeoutMs?: number;
}

const maxAnswerBytes = 1024 * 1024;

/** The caller's signal of each response to {@link send}, which may also end the reading. */
const signalOf = new WeakMap<Response, AbortSignal>();

/** The time limit includes reading the body. */
export async function send(url: string, init: RequestInit, options: ExchangeOptions): Promise<Response> {
  const { fetch, clock, signal, timeoutMs = 10_000 } = options;
  const limit = clock.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: "application/json", ...(init.headers as Record<string, string> | undefined) },
      // A redirect would carry a code or refresh token to an unknown URL (RFC 9700 §4.12).
      redirect: "manual",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (signal !== undefined) signalOf.set(response, signal);
    return response;
  } catch (cause) {
    throw unreachable(url, cause, signal);
  }
}

/** RFC 6749 appendix B; undefined members are left out. */
export function form(parameters: Readonly<Record<string, string | undefined>>): RequestInit {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) body.set(name, value);
  return { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: body.toString() };
}

/**
 * @param maxBytes - 1 MiB by default, far above any response of the protocol
 * @param signal - its reason is thrown when it ends the reading; {@link send}'s is known
 */
export async function readJsonObject(
  response: Response,
  maxBytes: number = maxAnswerBytes,
  signal: AbortSignal | undefined = signalOf.get(response),
): Promise<JsonObject | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      // Leaving the loop cancels the stream: an endless body costs one megabyte.
      if (size > maxBytes) throw invalidAnswer(response, `sent more than ${maxBytes / 1024} KiB`);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw unreachable(response.url, cause, signal);
  }
  return parseJsonObject(Buffer.concat(chunks));
}

export function parseJsonObject(body: Uint8Array): JsonObject | undefined {
  // Like `Response.json()`, this ignores a byte order mark (RFC 8259 §8.1).
  const value = parseJson(new TextDecoder().decode(body));
  return isJsonObject(value) ? value : undefined;
}

/** RFC 6749 §5.2. */
export function serviceFailure(response: Response, body: JsonObject | undefined): ServiceError {
  const error = textOf(body?.["error"]);
  const description = excerpt(textOf(body?.["error_description"]) ?? "", 200);
  const summary = [response.status, error && `"${excerpt(error, 200)}"`, description && `(${description})`]
    .filter(Boolean)
    .join(" ");
  const message = `${where(response.url)} returned ${summary}`;
  const facts = { status: response.status, error, retryAfterMs: retryAfter(response, body) };
  if (isTransientStatus(response.status)) {
    return new ServiceError("service_unavailable", message, {
      ...facts,
      hint: `Try again ${whenToRetry(facts.retryAfterMs)}`,
    });
  }
  if (error === undefined) {
    return new ServiceError("service_answer_invalid", `${message}, not an OAuth error`, {
      ...facts,
      hint: checkAddress,
    });
  }
  const isConfiguration =
    /^(invalid_request|invalid_client|invalid_scope|unauthorized_client|unsupported_grant_type)$/.test(error);
  return new ServiceError("service_rejected", message, {
    ...facts,
    hint: error === "invalid_client" ? checkClient : isConfiguration ? checkConfiguration : hint`Try again: ${login()}`,
  });
}

/** `what` ends the sentence about a successful response that violates the protocol. */
export function invalidAnswer(response: Response, what: string): ServiceError {
  return new ServiceError("service_answer_invalid", `${where(response.url)} ${what}`, {
    status: response.status,
    hint: checkAddress,
  });
}

const checkAddress: Hint = hint`Check the URL of the service: ${{ command: "auth status" }}`;
const checkClient: Hint = hint`Check ${{ variable: "CLIENT_ID" }} and, if there is one, ${{ variable: "CLIENT_SECRET" }}`;
const checkConfiguration: Hint = hint`Check ${{ variable: "SAAS_URL" }}, ${{ variable: "CLIENT_ID" }} and --scope`;

/** If the caller's signal ended the request, that signal's reason. */
export function unreachable(url: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  // From a fetch that knows more, such as which proxy refused.
  if (cause instanceof AuthError) return cause;
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  return new ServiceError(
    "network_unavailable",
    timedOut ? `${where(url)} did not respond in time` : `cannot reach ${where(url)} (${reasonOf(cause)})`,
    { hint: "Check the network and the URL, then try again", cause },
  );
}

/** The runtimes' words for no connection at all. */
const unconnected =
  /^(E(CONNREFUSED|NETUNREACH|HOSTUNREACH|HOSTDOWN|NETDOWN|ADDRNOTAVAIL|ACCES|PERM|NOTFOUND|AI_\w+)|ENOTFOUND|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket|.*CERT.*|ERR_(TLS|SSL)_.*|UNABLE_TO_.*)$/;

/** Then repeating the request is safe. In doubt it was sent. */
export function wasNeverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isOwnRefusal =
    error instanceof ServiceError && error.code === "network_unavailable" && error.cause === undefined;
  return (
    isOwnRefusal ||
    unconnected.test(systemErrorCode(error) ?? "") ||
    /^connect E|\(Connect\)|dns error/.test(error.message) ||
    wasNeverSent(error.cause)
  );
}

/** A test's response may have no URL. */
function where(url: string): string {
  return url ? shownAddress(url) : "the service";
}

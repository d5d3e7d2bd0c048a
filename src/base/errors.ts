import { hint, hintText, issuersMistake, login, loginAnew, type Hint, type HintContext } from "./hint.ts";
import { ownIdentity } from "./identity.ts";
import { excerpt, redact, withoutSecrets } from "./secret.ts";
import { printable } from "./text.ts";

// One import for both: each costs a lookup at the start of a command.
export { hint, issuersMistake, login, loginAnew };
export type { Hint } from "./hint.ts";

/**
 * Branch on these, never on messages; later versions may add some.
 *
 * - `usage_invalid`, `configuration_invalid`, `consent_required`: the caller can fix it.
 * - `network_unavailable`, `service_unavailable`, `lock_unavailable`, `storage_unreachable`: another try may succeed;
 *   the session is unchanged.
 * - `refresh_unconfirmed`: a refresh got no response; another try may succeed, or end the session.
 * - `not_authenticated`, `session_ended`: a login is needed.
 * - `access_denied`: the user, the issuer or the service denied access.
 * - `service_rejected`: the issuer (RFC 6749 §5.2) or the service rejected the request.
 * - `service_answer_invalid`: the response violates the protocol.
 * - `timed_out`, `interrupted`: the time limit passed, or the user stopped it.
 * - `storage_unsafe`, `storage_damaged`, `storage_unreadable`, `storage_unwritable`, `keychain_unavailable`: stored
 *   credentials cannot be used, and are unchanged.
 */
export type AuthErrorCode = (typeof codes)[number] | (string & {});

/** For exhaustive tables. @internal */
export type KnownErrorCode = (typeof codes)[number];

const codes = [
  "usage_invalid",
  "configuration_invalid",
  "consent_required",
  "network_unavailable",
  "service_unavailable",
  "lock_unavailable",
  "refresh_unconfirmed",
  "not_authenticated",
  "session_ended",
  "access_denied",
  "timed_out",
  "interrupted",
  "service_rejected",
  "service_answer_invalid",
  "storage_unsafe",
  "storage_damaged",
  "storage_unreadable",
  "storage_unwritable",
  "storage_unreachable",
  "keychain_unavailable",
] as const;

/** @internal */
export interface AuthErrorOptions {
  /** The next step; a string if it has no command or variable. */
  hint: string | Hint;
  /** Of a foreign error, name, code, message and stack are kept. Shown only with `--debug`. */
  cause?: unknown;
}

const inspect: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/**
 * A failure: a stable {@link AuthErrorCode}, a message and the next step. Messages quote servers, and end up in
 * terminals and logs: so they hold no control character (S-008) and none of this process's secrets (S-005).
 */
export class AuthError extends Error {
  override readonly name: string = "AuthError";
  readonly code: AuthErrorCode;
  readonly hint: string;
  /** Its words depend on the tool. @internal */
  declare readonly next: Hint;

  /** `message`: lower case, the thing quoted, expected and found; `hint`: the next step. */
  constructor(code: (typeof codes)[number], message: string, options: { hint: string; cause?: unknown });
  /** @internal */
  constructor(code: AuthErrorCode, message: string, options: AuthErrorOptions);
  constructor(code: AuthErrorCode, message: string, options: AuthErrorOptions) {
    super(sentence(message), options.cause === undefined ? undefined : { cause: keptCause(options.cause) });
    this.code = code;
    // Not enumerable: Node would print it with an uncaught error.
    Object.defineProperty(this, "next", { value: typeof options.hint === "string" ? [options.hint] : options.hint });
    this.hint = redact(hintText(this.next, { identity: ownIdentity }));
  }

  /** For a tool, whose name the throwing code does not know. @internal */
  speakFor(context: HintContext): this {
    return Object.assign(this, { hint: redact(hintText(this.next, context)) });
  }

  toJSON(): { name: string; code: AuthErrorCode; message: string; hint: string } {
    const { name, code, message, hint } = this;
    return { name, code, message, hint };
  }

  /** For `console.log`. @internal */
  [inspect](): string {
    const [first = "", ...rest] = evidence(this).split("\n");
    return [first, `  hint: ${this.hint}`, ...rest].join("\n");
  }
}

/** A service's text may have any length. */
const longest = 2_000;

/** A pattern takes quadratic time on blanks. */
function sentence(message: string): string {
  const line = message
    .split(/[\r\n]+/)
    .map((part) => part.trim())
    .join(" ");
  const clean = withoutSecrets(printable(line));
  // Cut last: half of a secret would not be recognized.
  return clean.length > longest ? `${clean.slice(0, longest)} …` : clean;
}

/**
 * Other members of a runtime's or library's error may be what was sent or received, such as `data` of undici's
 * `HTTPParserError`; and Node prints an uncaught error without our `inspect` (S-005).
 */
function keptCause(cause: unknown, seen: Map<unknown, Error> = new Map()): unknown {
  if (!(cause instanceof Error)) return withoutSecrets(String(cause));
  const known = isAuthError(cause) ? cause : seen.get(cause);
  if (known !== undefined) return known;
  const message = withoutSecrets(cause.message);
  const copy = cause instanceof AggregateError ? new AggregateError([], message) : new Error(message);
  seen.set(cause, copy);
  const code = systemErrorCode(cause);
  const kept = {
    name: cause.name,
    stack: withoutSecrets(cause.stack ?? ""),
    ...(cause.cause !== undefined && { cause: keptCause(cause.cause, seen) }),
  };
  for (const [name, value] of Object.entries(kept))
    Object.defineProperty(copy, name, { value, configurable: true, writable: true });
  if (code !== undefined) Object.assign(copy, { code });
  if (cause instanceof AggregateError)
    (copy as AggregateError).errors = (cause.errors as unknown[]).map((one) => keptCause(one, seen));
  return copy;
}

/** Its stack, and name, code and message of each cause. */
export function evidence(error: unknown): string {
  const seen = new Set<unknown>();
  const described = (value: unknown): string[] => {
    if (seen.has(value) || !(value instanceof Error)) return [];
    const { name, message, cause } = seen.add(value) && value;
    const code = systemErrorCode(value);
    const nested = value instanceof AggregateError ? (value.errors as unknown[]) : [];
    return [`${name}${code === undefined ? "" : ` [${code}]`}: ${message}`, ...[cause, ...nested].flatMap(described)];
  };
  const [first = String(error), ...causes] = described(error);
  const [frames = ""] = /^ +at [^]*/m.exec((error instanceof Error && error.stack) || "") ?? [];
  return withoutSecrets([first, frames, ...causes.map((line) => `  caused by ${line}`)].filter(Boolean).join("\n"));
}

/** A login is needed. */
export class NotAuthenticatedError extends AuthError {
  override readonly name: string = "NotAuthenticatedError";

  /** By default `not_authenticated`, with the hint to log in. */
  constructor(
    message: string,
    options?: { code?: "not_authenticated" | "session_ended"; hint?: string; cause?: unknown },
  );
  /** @internal */
  constructor(message: string, options?: Partial<AuthErrorOptions> & { code?: "not_authenticated" | "session_ended" });
  constructor(
    message: string,
    options: Partial<AuthErrorOptions> & { code?: "not_authenticated" | "session_ended" } = {},
  ) {
    super(options.code ?? "not_authenticated", message, { hint: hint`Run: ${login()}`, ...options });
  }
}

interface ServiceErrorOptions extends AuthErrorOptions {
  readonly status?: number;
  readonly error?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** An error response of the issuer (RFC 6749 §5.2) or the service, or an unusable one. */
export class ServiceError extends AuthError {
  override readonly name: string = "ServiceError";
  /** 0 without a response. */
  readonly status: number;
  readonly error: string | undefined;
  /** `Retry-After` (RFC 9110 §10.2.3). */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: (typeof codes)[number],
    message: string,
    options: { hint: string; cause?: unknown; status?: number; error?: string; retryAfterMs?: number },
  );
  /** @internal */
  constructor(code: AuthErrorCode, message: string, options: ServiceErrorOptions);
  constructor(code: AuthErrorCode, message: string, options: ServiceErrorOptions) {
    super(code, message, options);
    this.status = options.status ?? 0;
    // Programs print it, and it may hold anything.
    this.error = options.error === undefined ? undefined : excerpt(printable(options.error), 200);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** @internal */
export function isAuthErrorCode(text: unknown): text is KnownErrorCode {
  return (codes as readonly unknown[]).includes(text);
}

/**
 * Whether what was caught is an error of this library, from any copy of the package.
 *
 * @param value - see {@link AuthError}
 */
export function isAuthError(value: unknown): value is AuthError {
  return value instanceof Error && "code" in value && isAuthErrorCode(value.code) && "hint" in value;
}

/**
 * Whether another try may succeed: see {@link AuthErrorCode}.
 *
 * @param value - see {@link isAuthError}
 */
export function isTransient(value: unknown): value is AuthError {
  return (
    isAuthError(value) &&
    ["network_unavailable", "service_unavailable", "lock_unavailable", "storage_unreachable"].includes(value.code)
  );
}

/** The system's name, such as `ENOENT` or `ECONNREFUSED`. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The system's name for the error or its cause (as of `fetch`), else its words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemErrorCode(error) ?? (error.cause instanceof Error ? reasonOf(error.cause) : error.message);
}

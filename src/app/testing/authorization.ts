import { createHash, randomUUID } from "node:crypto";
import { failure, type Answer } from "./http.ts";
import type { Issuer } from "./issuer.ts";
import { issueTokens, openSession } from "./sessions.ts";

interface PendingAuthorization {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly scope: string;
  readonly challenge: string;
  readonly nonce: string | undefined;
}

/** A code before or after its exchange: then a second use ends `sessionId`. */
interface IssuedCode extends PendingAuthorization {
  readonly user: string;
  readonly expiresAt: number;
  sessionId: string | undefined;
}

/** The authorization endpoint (RFC 6749 §4.1), without the page for the decision. */
export class AuthorizationEndpoint {
  readonly #codes = new Map<string, IssuedCode>();
  readonly #pending = new Map<string, PendingAuthorization>();
  readonly #issuer: Issuer;

  constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  /**
   * Stores a request until the user's decision. Otherwise what is wrong: for the user while the client is untrusted,
   * else as a redirect.
   */
  begin(query: URLSearchParams): { pending: string; scope: string } | { problem: string } | Answer {
    const get = (name: string): string => query.get(name) ?? "";
    const redirectUri = get("redirect_uri");
    if (new Set(query.keys()).size !== query.size) return { problem: "a parameter is repeated" };
    if (!isLoopback(redirectUri)) return { problem: "the redirect URL is not registered" };

    const [state, scope] = [get("state"), get("scope")];
    const refuse = (error: string, description: string): Answer =>
      this.#redirect(redirectUri, { error, error_description: description, ...(state === "" ? {} : { state }) });
    if (get("response_type") !== "code") return refuse("unsupported_response_type", "only code is supported");
    if (!/^[\w-]{22,}$/.test(state)) return refuse("invalid_request", "state has fewer than 128 bits");
    if (get("code_challenge_method") !== "S256") return refuse("invalid_request", "code_challenge_method must be S256");
    if (!/^[\w-]{43}$/.test(get("code_challenge"))) return refuse("invalid_request", "code_challenge is not S256");

    const pending = randomUUID();
    this.#pending.set(pending, {
      clientId: get("client_id"),
      redirectUri,
      state,
      scope,
      challenge: get("code_challenge"),
      nonce: query.get("nonce") ?? undefined,
    });
    return { pending, scope };
  }

  /** Undefined is a no. Each pending authorization is decided once. */
  decide(id: string, user: string | undefined): Answer | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    const { state, redirectUri } = pending;
    if (user === undefined)
      return this.#redirect(redirectUri, {
        error: "access_denied",
        error_description: "the user denied access",
        state,
      });
    const code = this.#issuer.mint("authorization_code", "ac");
    const expiresAt = this.#issuer.now() + this.#issuer.options.authorizationCodeSeconds * 1000;
    this.#codes.set(code, { ...pending, user, expiresAt, sessionId: undefined });
    return this.#redirect(redirectUri, { code, state });
  }

  /** RFC 6749 §4.1.3, RFC 7636 §4.6. A code that comes twice ends the session of its first use (RFC 6749 §4.1.2). */
  exchange(form: URLSearchParams): Answer {
    const issuer = this.#issuer;
    const refuse = (why: string): Answer => failure(400, "invalid_grant", { error_description: why });
    const verifier = form.get("code_verifier") ?? "";
    if (verifier !== "") issuer.issued.set(verifier, "code_verifier");
    const code = this.#codes.get(form.get("code") ?? "");
    if (code === undefined) return refuse("the code is not known");
    if (code.sessionId !== undefined) {
      issuer.revoke(code.sessionId);
      return refuse("the code has been used");
    }
    if (code.expiresAt <= issuer.now()) return refuse("the code has expired");
    if (code.redirectUri !== form.get("redirect_uri"))
      return refuse("redirect_uri differs from that of the authorization request");
    if (code.clientId !== form.get("client_id")) return refuse("the code was given to another client");
    if (!/^[\w.~-]{43,128}$/.test(verifier)) return refuse("code_verifier is malformed");
    if (createHash("sha256").update(verifier).digest("base64url") !== code.challenge)
      return refuse("code_verifier does not match the challenge");
    const session = openSession(issuer, code);
    code.sessionId = session.id;
    return { status: 200, body: issueTokens(issuer, session) };
  }

  #redirect(to: string, parameters: Record<string, string>): Answer {
    const address = new URL(to);
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    return { status: 302, headers: { Location: address.href, "Cache-Control": "no-store" } };
  }
}

/** RFC 8252 §7.3: any port. */
function isLoopback(text: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?\//.test(text) && URL.canParse(text);
}

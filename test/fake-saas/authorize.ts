import { formOf } from "./http.ts";
import type { Answer, FakeRequest } from "./http.ts";
import { consentPage, page } from "./pages.ts";
import type { FakeState } from "./state.ts";
import { isUserName } from "./users.ts";
import type { UserName } from "./users.ts";

interface Pending {
  readonly redirectUri: string;
  readonly state: string;
  readonly scope: string;
  readonly challenge: string;
}

/** A code waiting for its exchange, or one that was exchanged: then `sessionId` is what a second use ends. */
export interface IssuedCode extends Pending {
  readonly user: UserName;
  readonly expiresAt: number;
  sessionId: string | undefined;
}

/** The authorization endpoint (RFC 6749 §4.1.1) and its consent page. */
export class AuthorizationEndpoint {
  readonly codes: Map<string, IssuedCode> = new Map();
  readonly #pending = new Map<string, Pending>();
  readonly #state: FakeState;

  constructor(state: FakeState) {
    this.#state = state;
  }

  /** Shows the consent page, or says what is wrong: to the user while the client cannot be trusted, else by redirect. */
  show(request: FakeRequest): Answer {
    const { query } = request;
    const get = (name: string): string => query.get(name) ?? "";
    const redirectUri = get("redirect_uri");
    if (new Set(query.keys()).size !== query.size) return page(400, "Bad request", "a parameter is repeated");
    if (get("client_id") !== "cli_native") return page(400, "Bad request", "the client is not known");
    if (!isLoopbackCallback(redirectUri)) return page(400, "Bad request", "the redirect address is not registered");

    const state = get("state");
    const refuse = (error: string, description: string): Answer =>
      this.#redirect(redirectUri, { error, error_description: description, ...(state === "" ? {} : { state }) });
    if (get("response_type") !== "code") return refuse("unsupported_response_type", "only code is supported");
    if (!/^[\w-]{22,}$/.test(state)) return refuse("invalid_request", "state has less than 128 bits");
    if (get("code_challenge_method") !== "S256") return refuse("invalid_request", "code_challenge_method must be S256");
    if (!/^[\w-]{43}$/.test(get("code_challenge"))) return refuse("invalid_request", "code_challenge is not S256");
    if (!get("scope").split(" ").includes("offline_access"))
      return refuse("invalid_scope", "offline_access is missing");

    const id = crypto.randomUUID();
    this.#pending.set(id, { redirectUri, state, scope: get("scope"), challenge: get("code_challenge") });
    return consentPage(`${this.#state.options.basePath}/oauth/authorize`, id, get("scope"), this.#state.users);
  }

  /** The user's decision; each pending authorization is decided once. */
  decide(request: FakeRequest): Answer {
    const form = formOf(request);
    const id = form?.get("request") ?? "";
    const pending = this.#pending.get(id);
    const user = form?.get("user");
    if (pending === undefined || !isUserName(user))
      return page(400, "Bad request", "this page has been used or is not ours");
    this.#pending.delete(id);
    const { state, redirectUri } = pending;
    if (form?.get("decision") !== "approve") {
      return this.#redirect(redirectUri, { error: "access_denied", error_description: "the user said no", state });
    }
    const code = this.#state.mint("authorization_code", "ac");
    const expiresAt = this.#state.now() + this.#state.options.authorizationCodeSeconds * 1000;
    this.codes.set(code, { ...pending, user, expiresAt, sessionId: undefined });
    return this.#redirect(redirectUri, { code, state });
  }

  #redirect(to: string, parameters: Record<string, string>): Answer {
    const address = new URL(to);
    for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
    if (this.#state.options.sendIss) address.searchParams.set("iss", this.#state.url);
    return { status: 302, headers: { Location: address.href, "Cache-Control": "no-store" } };
  }
}

/** RFC 8252 §7.3: any port, but host and path as registered. */
function isLoopbackCallback(text: string): boolean {
  return URL.canParse(text) && /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?\/callback$/.test(text);
}

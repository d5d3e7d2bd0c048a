import { failure, formOf } from "./http.ts";
import type { Answer, FakeRequest } from "./http.ts";
import { devicePage, page } from "./pages.ts";
import { issueTokens, openSession } from "./sessions.ts";
import type { FakeState } from "./state.ts";
import { isUserName } from "./users.ts";
import type { UserName } from "./users.ts";

interface DeviceGrant {
  readonly userCode: string;
  readonly scope: string;
  readonly expiresAt: number;
  intervalMs: number;
  lastPollAt: number;
  decision: UserName | "deny" | undefined;
  used: boolean;
}

/** A timer may fire early and a network may bunch two polls up: that much is not held against a client. */
const TOLERANCE_MS = 25;

/** Device authorization (RFC 8628): the code, the page where the user enters it, and the polls. */
export class DeviceEndpoint {
  readonly #grants = new Map<string, DeviceGrant>();
  readonly #state: FakeState;

  constructor(state: FakeState) {
    this.#state = state;
  }

  /** RFC 8628 §3.1 and §3.2. */
  authorize(request: FakeRequest): Answer {
    const form = formOf(request);
    const scope = form?.get("scope") ?? "";
    if (form === undefined) return failure(400, "invalid_request");
    if (form.get("client_id") !== "cli_native") return failure(401, "invalid_client");
    if (!scope.split(" ").includes("offline_access")) return failure(400, "invalid_scope");
    const { deviceIntervalSeconds: interval, deviceCodeSeconds } = this.#state.options;
    const deviceCode = this.#state.mint("device_code", "dc");
    const userCode = this.#state.mintUserCode();
    this.#grants.set(deviceCode, {
      userCode,
      scope,
      expiresAt: this.#state.now() + deviceCodeSeconds * 1000,
      intervalMs: (interval ?? 5) * 1000,
      lastPollAt: -Infinity,
      decision: undefined,
      used: false,
    });
    const address = `${this.#state.url}/device`;
    return {
      status: 200,
      headers: { "Cache-Control": "no-store" },
      body: {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: address,
        verification_uri_complete: `${address}?user_code=${userCode}`,
        expires_in: deviceCodeSeconds,
        ...(interval === null ? {} : { interval }),
      },
    };
  }

  /** The page behind `verification_uri`. */
  show(request: FakeRequest): Answer {
    const action = `${this.#state.options.basePath}/device`;
    return devicePage(action, request.query.get("user_code") ?? "", this.#state.users);
  }

  /** The user's decision. Case and punctuation of the code are forgiven (RFC 8628 §6.1). */
  decide(request: FakeRequest): Answer {
    const form = formOf(request);
    const bare = (code: string): string => code.toUpperCase().replace(/[^A-Z]/g, "");
    const entered = bare(form?.get("user_code") ?? "");
    const user = form?.get("user");
    const grant = [...this.#grants.values()].find(({ userCode }) => bare(userCode) === entered);
    if (grant === undefined || grant.expiresAt <= this.#state.now() || grant.decision !== undefined) {
      return page(400, "Not this code", "The code is wrong, used or expired.");
    }
    if (!isUserName(user)) return page(400, "Bad request", "no such account");
    grant.decision = form?.get("decision") === "approve" ? user : "deny";
    return grant.decision === "deny"
      ? page(200, "Denied", "The device gets no access.")
      : page(200, "Connected", "You can go back to your device.");
  }

  /** One poll of the token endpoint (RFC 8628 §3.4 and §3.5). */
  poll(form: URLSearchParams): Answer {
    this.#state.counters.devicePolls += 1;
    const grant = this.#grants.get(form.get("device_code") ?? "");
    const now = this.#state.now();
    if (grant === undefined || grant.used) return failure(400, "invalid_grant");
    if (grant.expiresAt <= now) return failure(400, "expired_token");
    const early = now - grant.lastPollAt < grant.intervalMs - TOLERANCE_MS;
    grant.lastPollAt = now;
    if (early) {
      grant.intervalMs += 5000;
      this.#state.counters.slowDowns += 1;
      return failure(400, "slow_down");
    }
    if (grant.decision === undefined) return failure(400, "authorization_pending");
    if (grant.decision === "deny") return failure(400, "access_denied");
    grant.used = true;
    this.#state.counters.logins += 1;
    const session = openSession(this.#state, { user: grant.decision, scope: grant.scope, authFlow: "device_code" });
    return { status: 200, headers: { "Cache-Control": "no-store" }, body: issueTokens(this.#state, session) };
  }
}

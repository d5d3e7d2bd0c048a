import { randomInt } from "node:crypto";
import { failure, formOf, type Answer, type FakeRequest } from "./http.ts";
import type { Issuer } from "./issuer.ts";
import { issueTokens, openSession } from "./sessions.ts";

interface DeviceGrant {
  readonly clientId: string;
  readonly userCode: string;
  readonly scope: string;
  readonly expiresAt: number;
  intervalMs: number;
  lastPollAt: number;
  /** Who approved it; null for a no. */
  user: string | null | undefined;
  used: boolean;
}

/** Timers may fire early and networks bunch polls up. */
const toleranceMs = 25;

/** Device authorization (RFC 8628), without the page for the code. */
export class DeviceEndpoint {
  readonly #grants = new Map<string, DeviceGrant>();
  readonly #issuer: Issuer;

  constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  /** RFC 8628 §3.1 and §3.2. */
  authorize(request: FakeRequest): Answer {
    const { deviceIntervalSeconds: interval, deviceCodeSeconds } = this.#issuer.options;
    const form = formOf(request);
    if (form === undefined) return failure(400, "invalid_request");
    const deviceCode = this.#issuer.mint("device_code", "dc");
    const userCode = newUserCode();
    this.#grants.set(deviceCode, {
      clientId: form.get("client_id") ?? "",
      userCode,
      scope: form.get("scope") ?? "",
      expiresAt: this.#issuer.now() + deviceCodeSeconds * 1000,
      intervalMs: (interval ?? 5) * 1000,
      lastPollAt: -Infinity,
      user: undefined,
      used: false,
    });
    const address = `${this.#issuer.url}/device`;
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

  /**
   * Case and punctuation are ignored (RFC 8628 §6.1).
   *
   * @param user - null for a no
   * @returns whether there was such a code
   */
  decide(userCode: string, user: string | null): boolean {
    const bare = (code: string): string => code.toUpperCase().replace(/[^A-Z]/g, "");
    const grant = [...this.#grants.values()].find((known) => bare(known.userCode) === bare(userCode));
    if (grant === undefined || grant.expiresAt <= this.#issuer.now() || grant.user !== undefined) return false;
    grant.user = user;
    return true;
  }

  /** One poll of the token endpoint (RFC 8628 §3.4 and §3.5). */
  poll(form: URLSearchParams): Answer {
    const grant = this.#grants.get(form.get("device_code") ?? "");
    const now = this.#issuer.now();
    if (grant === undefined || grant.used || grant.clientId !== form.get("client_id"))
      return failure(400, "invalid_grant");
    if (grant.expiresAt <= now) return failure(400, "expired_token");
    const early = now - grant.lastPollAt < grant.intervalMs - toleranceMs;
    grant.lastPollAt = now;
    if (early) {
      grant.intervalMs += 5000;
      return failure(400, "slow_down");
    }
    if (grant.user === undefined) return failure(400, "authorization_pending");
    if (grant.user === null) return failure(400, "access_denied");
    grant.used = true;
    const { user, scope, clientId } = grant;
    const session = openSession(this.#issuer, { user, scope, clientId, authFlow: "device_code" });
    return { status: 200, body: issueTokens(this.#issuer, session) };
  }
}

/** Without vowels, so that it spells nothing (RFC 8628 §6.1). */
function newUserCode(): string {
  const letters = "BCDFGHJKLMNPQRSTVWXZ";
  const half = (): string => Array.from({ length: 4 }, () => letters.charAt(randomInt(letters.length))).join("");
  return `${half()}-${half()}`;
}

import { parseJsonObject } from "../http/request.ts";
import { discardBody, peekBody } from "../http/peek.ts";
import type { Clock } from "../platform/clock.ts";
import { saysSessionEnded } from "./oauth/www-authenticate.ts";
import type { Credential } from "./sessions/session.ts";

export function refusable(response: Response): { response: Response; isRefusal: boolean } {
  return { response, isRefusal: response.status === 401 };
}

interface TokenRequest<T extends Credential> {
  /** `isRefusal`: a 401 about this token, and not another server's. */
  send(this: void, credential: T): Promise<{ readonly response: Response; readonly isRefusal: boolean }>;
  renew(this: void, rejected: string): Promise<T>;
  /**
   * Called when the service says that the session itself ended. Returns when another token has replaced it, else
   * throws. Absent: that response is returned.
   */
  ended?: (accessToken: string) => Promise<void>;
  /** Throws where a replay must not be sent, or not with that token. */
  requireReplay?: (next: T) => void;
  readonly clock: Clock;
}

/** A 401 leads to one refresh and one replay; the second 401 is final and is returned. */
export async function presentToken<T extends Credential>(
  first: T,
  { send, renew, ended, requireReplay, clock }: TokenRequest<T>,
): Promise<{ response: Response; credential: T }> {
  let credential = first;
  for (let isReplay = false; ; isReplay = true) {
    const sent = await send(credential);
    if (!sent.isRefusal) return { response: sent.response, credential };
    const { head, response } = await peekBody(sent.response, clock);
    const token = credential.accessToken.reveal();
    if (saysSessionEnded(response.headers, parseJsonObject(head))) {
      if (ended === undefined) return { response, credential };
      await ended(token);
    }
    if (isReplay) return { response, credential };
    const next = await renew(token);
    if (next.accessToken.reveal() === token) return { response, credential };
    await discardBody(response);
    requireReplay?.(next);
    credential = next;
  }
}

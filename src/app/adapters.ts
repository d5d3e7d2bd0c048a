import type { Auth } from "./auth.ts";
import type { LoginOptions } from "./login/options.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { challengedResource, wellKnownResource } from "../auth/oauth/protected-resource.ts";
import { challengesOf } from "../auth/oauth/www-authenticate.ts";
import { isAuthError } from "../base/errors.ts";
import type * as runtime from "../base/runtime-types.ts";
import { targetOf } from "../http/token-target.ts";
import { systemClock } from "../platform/clock.ts";

/**
 * The login as the `fetch` of the MCP SDK. Its own `authProvider` refreshes in each process by itself, and a server
 * that rotates refresh tokens then ends the session.
 *
 * Before a login, requests go without a token: the server decides what needs one. When it refuses one, or the session
 * has ended, the user logs in and the request is sent again; likewise when it names a missing scope
 * (`insufficient_scope`, RFC 6750 §3.1), once for each.
 *
 * @param auth - its service is the MCP server's URL or its origin
 * @param login - see {@link LoginOptions}
 */
export function mcpFetch(auth: Auth, login?: LoginOptions): AuthorizedFetch {
  /** How many logins have succeeded: a request sent before the last one is repeated without another. */
  let logins = 0;
  let underWay: Promise<void> | undefined;
  const requested = new Set<string>();
  // Tokens must be for what the server calls itself (RFC 8707).
  const resourceAt = async (server: string): Promise<string | undefined> => {
    const exchange = {
      fetch: (url: string | URL, init?: runtime.RequestInit) => auth.fetch(url, { ...init, login: "optional" }),
      clock: systemClock,
    };
    return ((await challengedResource(server, exchange)) ?? (await wellKnownResource(server, exchange)))?.resource;
  };
  const logIn = async (server: string, more: LoginOptions): Promise<void> => {
    const resource = login?.resource ?? (await resourceAt(server));
    const address = await auth.service();
    // A part of a host that wants tokens for more than itself: its neighbors accept them too.
    if (resource !== undefined && !targetOf(resource, address).isService) {
      const { agreeToResource } = await import("./login/consent.ts");
      await agreeToResource(
        { known: undefined, profile: { service: address, resource } },
        login?.resource,
        login?.onConsent,
      );
    }
    await auth.login({ ...login, resource, ...more });
    logins += 1;
  };
  return async (input, init) => {
    const target = targetOf(input instanceof Request ? input.url : (input as string | URL), await auth.service());
    if (!target.isService) return auth.fetch(input, init);
    const before = logins;
    const send = (): Promise<runtime.Response> =>
      auth.fetch(input instanceof Request ? input.clone() : input, { ...init, login: "optional" });
    const sendLoggedIn = async (more: LoginOptions = {}): Promise<runtime.Response> => {
      if (logins === before) await (underWay ??= logIn(target.url, more).finally(() => (underWay = undefined)));
      return send();
    };
    const response = await send().catch((error: unknown) => {
      if (login === undefined || !isAuthError(error) || error.code !== "session_ended") throw error;
    });
    if (response === undefined) return sendLoggedIn();
    if (response.status === 401) {
      const isReplaced = logins !== before || underWay !== undefined;
      if (!isReplaced && (await auth.session()) !== undefined) return response;
      // Throws an error that says how to log in.
      if (login === undefined) await auth.getToken();
      return sendLoggedIn();
    }
    const scope = login && missingScopeOf(response);
    // A server that always wants more is not asked forever.
    if (scope === undefined || (requested.has(scope) && underWay === undefined && logins === before)) return response;
    requested.add(scope);
    const granted = (await auth.session())?.scope ?? "";
    return sendLoggedIn({ scope: [...new Set(`${granted} ${scope}`.split(" ").filter(Boolean))].join(" ") });
  };
}

function missingScopeOf({ status, headers }: runtime.Response): string | undefined {
  if (status !== 403) return undefined;
  const challenge = challengesOf(headers as Headers).find(
    ({ parameters }) => parameters.get("error") === "insufficient_scope",
  );
  return challenge?.parameters.get("scope");
}

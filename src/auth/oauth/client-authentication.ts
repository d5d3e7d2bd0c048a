import type { Fetch } from "../../base/runtime-types.ts";
import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";

export interface Client {
  readonly clientId: string;
  /**
   * Some servers require one even of native clients. Every copy of the program has it, so it proves nothing (RFC 8252
   * §8.5), and PKCE is still used.
   */
  readonly clientSecret?: Secret | undefined;
}

export interface ClientAtServer extends Client {
  readonly server: Pick<AuthorizationServer, "token_endpoint_auth_methods_supported">;
}

/**
 * With the client's secret, if any, by a method of the server's metadata (RFC 8414 §2), else by the one that every
 * server must accept (RFC 6749 §2.3.1).
 */
export function clientFetch({ clientId, clientSecret, server }: ClientAtServer, fetch: Fetch): Fetch {
  if (clientSecret === undefined) return fetch;
  const { token_endpoint_auth_methods_supported: methods = ["client_secret_basic"] } = server;
  const secret = clientSecret.reveal();
  if (methods.includes("client_secret_basic")) {
    // A secret too: a service may quote it as sent.
    const credentials = new Secret(Buffer.from(`${formEncoded(clientId)}:${formEncoded(secret)}`).toString("base64"));
    return (input, init = {}) =>
      fetch(input, {
        ...init,
        headers: { ...(init.headers as Record<string, string>), authorization: `Basic ${credentials.reveal()}` },
      });
  }
  return (input, init = {}) =>
    fetch(input, { ...init, body: `${String(init.body)}&client_secret=${formEncoded(secret)}` });
}

/** Form-encoded before they are joined (RFC 6749 §2.3.1, appendix B). */
function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

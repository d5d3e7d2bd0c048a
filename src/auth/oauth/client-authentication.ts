import type { Fetch } from "../../base/runtime-types.ts";
import { Secret } from "../../base/secret.ts";
import type { AuthorizationServer } from "./authorization-server.ts";

export interface Client {
  readonly clientId: string;
  /**
   * Some servers require one even of native clients. It is in every copy of the program, so it proves nothing (RFC 8252 §8.5), and replaces
   * nothing: PKCE is used all the same.
   */
  readonly clientSecret?: Secret | undefined;
  readonly server: Pick<AuthorizationServer, "token_endpoint_auth_methods_supported">;
}

/**
 * The `fetch` for requests that name the client: with its secret, if it has one, in the way that the server's metadata lists (RFC 8414 §2),
 * else as every server must accept it (RFC 6749 §2.3.1).
 */
export function clientFetch({ clientId, clientSecret, server }: Client, fetch: Fetch): Fetch {
  if (clientSecret === undefined) return fetch;
  const { token_endpoint_auth_methods_supported: methods = ["client_secret_basic"] } = server;
  const secret = clientSecret.reveal();
  if (methods.includes("client_secret_basic")) {
    // A secret too: a service may quote it as it was sent.
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

/** As in a form: both halves are encoded before they are joined (RFC 6749 §2.3.1, appendix B). */
function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

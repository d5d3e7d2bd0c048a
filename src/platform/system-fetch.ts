import { shownAddress } from "../base/address.ts";
import { AuthError, ServiceError, systemErrorCode, hint, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Environment } from "./paths.ts";

/**
 * `fetch` by the proxy variables. Without one it is the global `fetch`, and the trusted authorities are Node's in either
 * case.
 */
export function systemFetch(env: Environment, { userAgent }: Identity): Fetch {
  const mayUseProxy = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].some((name) => env[name]);
  const throughProxy = async (input: string | URL, init: RequestInit): Promise<Response> => {
    const url = new URL(input);
    const { proxyFor } = await import("./proxy.ts");
    const proxy = proxyFor(url, env);
    return proxy === undefined
      ? direct(input, init)
      : (await import("./proxied-fetch.ts")).proxiedFetch(proxy, url, init);
  };
  const direct = (input: string | URL, init: RequestInit): Promise<Response> => {
    // Looked up at each call: reading `fetch` loads it, and most commands send nothing.
    return globalThis.fetch(input, init);
  };
  return async (input, options) => {
    const init = withUserAgent(options, userAgent);
    try {
      return await (mayUseProxy ? throughProxy : direct)(input, init);
    } catch (error) {
      throw unknownAuthority(error) === undefined ? error : untrusted(input, error);
    }
  };
}

function withUserAgent(init: RequestInit = {}, userAgent: string): RequestInit {
  const { headers = {} } = init;
  if (Symbol.iterator in headers) {
    const all = new Headers(headers);
    if (!all.has("user-agent")) all.set("user-agent", userAgent);
    return { ...init, headers: all };
  }
  for (const name in headers) if (name.toLowerCase() === "user-agent") return init;
  // `fetch` is slow to read the result of a spread.
  const all = Object.assign({}, headers, { "user-agent": userAgent });
  return Object.assign({}, init, { headers: all });
}

/** OpenSSL's, for a chain without a known authority; not for a wrong name or date. */
const unknownAuthorityCodes = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function unknownAuthority(error: unknown): string | undefined {
  const code = error instanceof Error ? systemErrorCode(error.cause) : undefined;
  return code !== undefined && unknownAuthorityCodes.has(code) ? code : undefined;
}

/** For an authority that this machine or its network has added. */
export const trustAuthority: Hint = [
  ...hint`name its certificate: ${{ set: "NODE_EXTRA_CA_CERTS", value: "/path/to/authority.pem" }}. `,
  ...hint`If this system trusts it, Node.js 22.19, 24.6 and later do too with: ${{ set: "NODE_USE_SYSTEM_CA", value: "1" }}`,
];

function untrusted(input: string | URL, error: unknown): ServiceError {
  const message =
    error instanceof AuthError
      ? error.message
      : `cannot reach ${shownAddress(new URL(input))} (${unknownAuthority(error)})`;
  return new ServiceError("network_unavailable", `${message}: its certificate is from an unknown authority`, {
    hint: hint`If the network has its own authority, ${trustAuthority}`,
    cause: error instanceof Error ? error.cause : undefined,
  });
}

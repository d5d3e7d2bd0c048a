import { shownAddress } from "../base/address.ts";
import { AuthError, ServiceError, systemErrorCode, hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import type { Fetch } from "../base/runtime-types.ts";
import type { Environment } from "./paths.ts";

/**
 * `fetch` as this machine is set up: its proxy variables and its trusted authorities. Without such a variable it is the
 * global `fetch`.
 *
 * The system's certificates are read only after a server showed one that Node's list does not cover, since that takes
 * 50 to 300 ms on Linux, longer than most commands. The request is then sent again: the handshake failed, so no byte
 * was read. So its body must not be a stream.
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
    for (let isSecond = false; ; isSecond = true) {
      try {
        return await (mayUseProxy ? throughProxy : direct)(input, init);
      } catch (error) {
        if (unknownAuthority(error) === undefined) throw error;
        if (isSecond || !(await useSystemCertificates())) throw untrusted(input, error);
      }
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

/** From Node 22.19 and 24.5 on. */
interface CertificateStore {
  getCACertificates(type: "default" | "system"): string[];
  setDefaultCACertificates(certificates: readonly string[]): void;
}

let system: Promise<boolean> | undefined;

/** Adds the system's authorities and `NODE_EXTRA_CA_CERTS` to this process's. False where Node cannot. */
function useSystemCertificates(): Promise<boolean> {
  return (system ??= import("node:tls").then((tls) => {
    const { getCACertificates, setDefaultCACertificates } = tls as Partial<CertificateStore>;
    if (getCACertificates === undefined || setDefaultCACertificates === undefined) return false;
    setDefaultCACertificates([...getCACertificates("default"), ...getCACertificates("system")]);
    return true;
  }));
}

function untrusted(input: string | URL, error: unknown): ServiceError {
  const message =
    error instanceof AuthError
      ? error.message
      : `cannot reach ${shownAddress(new URL(input))} (${unknownAuthority(error)})`;
  return new ServiceError("network_unavailable", `${message}: its certificate is from an unknown authority`, {
    hint: hint`If the network has its own authority, set its certificate: ${{ set: "NODE_EXTRA_CA_CERTS", value: "/path/to/authority.pem" }}`,
    cause: error instanceof Error ? error.cause : undefined,
  });
}

import { AuthError } from "../base/errors.ts";

interface Target {
  readonly url: string;
  /** Its origin, at or below its path. */
  readonly isService: boolean;
}

/** As almost every path: no segment begins with a dot, nothing is encoded. */
const plainPath = /^(?:\/[\w~-][\w.~-]*)+\/?(?:\?[\w.~=&-]*)?$/;

/**
 * A path goes to the service. It is appended to the base with a `/` between, so that nothing in it can become a part of
 * the host: `@evil.example` would make the host a user name, `.evil.example` a longer host. Then it is parsed, which
 * resolves `..`, `%2e%2e` and `\` as the sender will, and must still be below the base. `//host` is refused.
 *
 * An absolute URL is unchanged. It is the service only with the same origin and a path below the base: on a shared
 * host, the neighbor's path is another service (S-001).
 */
export function targetOf(input: string | URL, base: string): Target {
  const text = String(input);
  if (plainPath.test(text)) return { url: base + text, isService: true };
  const isPath = text.startsWith("/") || !URL.canParse(text);
  const leaves = (): AuthError =>
    new AuthError("usage_invalid", `"${text}" leaves the service`, {
      hint: `Use a path on ${base}, such as /api/v1/me`,
    });
  if (isPath && /^[/\\]{2}/.test(text)) throw leaves();
  const url = new URL(isPath ? `${base}/${text.replace(/^\//, "")}` : text);
  const service = new URL(base);
  const isBelow = url.pathname === service.pathname || url.pathname.startsWith(service.pathname.replace(/\/?$/, "/"));
  const isService =
    url.origin === service.origin &&
    isBelow &&
    !url.username &&
    !url.password &&
    (service.pathname === "/" || !leadsUpwards(url.pathname));
  if (isPath && !isService) throw leaves();
  return { url: url.href, isService };
}

/**
 * For servers that decode otherwise: gateways decode once or twice more (`..%2f`, `%252e%252e`), take `\` or invalid
 * UTF-8 for `/`, or drop what follows a `;`. Plain `..` is resolved by now, so any left would take the token to the
 * service's neighbor.
 */
function leadsUpwards(pathname: string): boolean {
  let path = pathname;
  for (let round = 0; round < 3; round += 1)
    path = path.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return path.split(/[/\\]/).some((segment) => /^\.\.(?![\w.~-])/.test(segment));
}

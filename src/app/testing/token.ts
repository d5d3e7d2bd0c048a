import type { AuthorizationEndpoint } from "./authorization.ts";
import type { DeviceEndpoint } from "./device.ts";
import { failure, formOf, type Answer, type Handler } from "./http.ts";
import type { Issuer } from "./issuer.ts";
import { refreshTokens } from "./sessions.ts";

/** The token endpoint (RFC 6749 §3.2). */
export function tokenEndpoint(
  issuer: Issuer,
  { authorization, device }: { authorization: AuthorizationEndpoint; device: DeviceEndpoint },
): Handler {
  const grants: Readonly<Record<string, (form: URLSearchParams) => Answer>> = {
    authorization_code: (form) => authorization.exchange(form),
    "urn:ietf:params:oauth:grant-type:device_code": (form) => device.poll(form),
    refresh_token: (form) => refreshTokens(issuer, form.get("refresh_token") ?? ""),
  };
  const answer: Handler = (request) => {
    const form = formOf(request);
    if (form === undefined) return failure(400, "invalid_request", { error_description: "expected a form" });
    return grants[form.get("grant_type") ?? ""]?.(form) ?? failure(400, "unsupported_grant_type");
  };
  return (request) => {
    const found = answer(request);
    // RFC 6749 §5.1: responses with tokens are not cached.
    return { ...found, headers: { "Cache-Control": "no-store", ...found.headers } };
  };
}

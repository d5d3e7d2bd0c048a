import { ServiceError, type AuthError } from "../../base/errors.ts";
import { targetOf } from "../../http/token-target.ts";

const parameter = String.raw`\s*;\s*([\w!#$&+.^|~*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?`;

/**
 * The next page, from `Link` (RFC 8288 §3): the first target with relation `next`. Relative to `base`, the response's
 * URL.
 */
export function nextLink(header: string | null, base: string): string | undefined {
  // Targets may contain commas and semicolons, quoted parameters anything.
  for (const [, target = "", parameters = ""] of (header ?? "").matchAll(
    new RegExp(`<([^<>]*)>((?:${parameter})*)`, "g"),
  )) {
    const [, , quoted, token = ""] =
      [...parameters.matchAll(new RegExp(parameter, "g"))].find(([, name = ""]) => name.toLowerCase() === "rel") ?? [];
    const isNext = (quoted ?? token).toLowerCase().split(/\s+/).includes("next");
    if (isNext && URL.canParse(target, base)) return new URL(target, base).href;
  }
  return undefined;
}

export function nextPage({ headers, url }: Response, asked: string, service: string): string | undefined {
  const next = nextLink(headers.get("link"), url || asked);
  if (next !== undefined && !targetOf(next, service).isService)
    throw invalidNext(`leads away from the service, to "${next}"`);
  return next;
}

export function invalidNext(what: string): AuthError {
  return new ServiceError("service_answer_invalid", `the link to the next page ${what}`, {
    hint: "Get the pages one by one",
  });
}

const parameter = String.raw`\s*;\s*([\w!#$&+.^|~*-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?`;

/**
 * The next page of a list, as a response names it in `Link` (RFC 8288 §3): the target of the first link whose relation is `next`. A relative
 * one is relative to `base`, the address of the response.
 */
export function nextLink(header: string | null, base: string): string | undefined {
  // A target may contain commas and semicolons, and a quoted parameter anything.
  for (const [, target = "", parameters = ""] of (header ?? "").matchAll(
    new RegExp(`<([^>]*)>((?:${parameter})*)`, "g"),
  )) {
    const [, , quoted, token = ""] =
      [...parameters.matchAll(new RegExp(parameter, "g"))].find(([, name = ""]) => name.toLowerCase() === "rel") ?? [];
    const isNext = (quoted ?? token).toLowerCase().split(/\s+/).includes("next");
    if (isNext && URL.canParse(target, base)) return new URL(target, base).href;
  }
  return undefined;
}

import { AuthError } from "../../base/errors.ts";

/**
 * The query of a redirect that the user pasted.
 *
 * @param pasted - the address of the page that failed to load
 * @param redirectUri - the address must have its scheme, host, port and path, as a redirect that arrives by itself does
 * @throws {@link AuthError} `usage_invalid`
 */
export function pastedParameters(pasted: string, redirectUri: string): URLSearchParams {
  const text = pasted.trim();
  if (!URL.canParse(text)) throw pasteRefused("is not a URL");
  const { origin, pathname, searchParams } = new URL(text);
  if (`${origin}${pathname}` !== redirectUri) throw pasteRefused(`does not begin with "${redirectUri}"`);
  return searchParams;
}

/** Why a pasted address is not accepted. It is not quoted: it may hold a code. */
export function pasteRefused(why: string): AuthError {
  return new AuthError("usage_invalid", `the pasted URL ${why}`, {
    hint: "Paste the whole URL of the page that did not load",
  });
}

import { AuthError } from "../../base/errors.ts";

/**
 * @param pasted - the URL of the page that failed to load
 * @param redirectUri - with the scheme, host, port and path that the URL must have
 * @throws {@link AuthError} `usage_invalid`
 */
export function pastedParameters(pasted: string, redirectUri: string): URLSearchParams {
  const text = pasted.trim();
  if (!URL.canParse(text)) throw pasteRefused("the pasted text is not a URL");
  const { origin, pathname, searchParams } = new URL(text);
  if (`${origin}${pathname}` !== redirectUri) throw pasteRefused(`the pasted URL does not begin with "${redirectUri}"`);
  return searchParams;
}

/** Does not quote the URL: it may hold a code. */
export function pasteRefused(why: string): AuthError {
  return new AuthError("usage_invalid", why, {
    hint: "Paste the whole URL of the page that did not load",
  });
}

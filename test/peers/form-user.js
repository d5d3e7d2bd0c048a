#!/usr/bin/env node
// A user with a browser without scripts. As BROWSER it opens its argument; it presses FORM_USER_ANSWER, `allow` by
// default. Silent and without failures, like a real browser.
import process from "node:process";

/**
 * Opens a URL, fills in and submits each page's form, keeps cookies, and follows redirects.
 *
 * @param {string} address of the authorization request, or of the page for device codes
 * @param {Record<string, string>} fields what to type, and which button to press, by the names in the forms; others
 *   stay as they are
 * @returns {Promise<{ left?: URL, page: string }>} the URL of the last redirect away from the origin, not opened; or
 *   the last page's text
 */
export async function fillForms(address, fields = { login: "alice", answer: "allow" }) {
  const { origin } = new URL(address);
  const cookies = new Map();
  let url = new URL(address);
  let body;
  for (let step = 0; step < 20; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(body && { method: "POST", body }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get("location");
    const page = await response.text();
    if (location !== null) {
      url = new URL(location, url);
      body = undefined;
      if (url.origin !== origin) return { left: url, page };
      continue;
    }
    const form = /<form[^>]*>[\s\S]*<\/form>/.exec(page)?.[0];
    if (form === undefined) return { page };
    body = new URLSearchParams();
    for (const [, tag = ""] of form.matchAll(/<(?:input|button)\b([^>]*)>/g)) {
      const attribute = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
      const name = attribute("name");
      if (name === undefined) continue;
      // Only the pressed button sends its value.
      const value = fields[name] ?? (attribute("type") === "hidden" ? (attribute("value") ?? "") : undefined);
      if (value !== undefined) body.set(name, value);
    }
    url = new URL(/<form[^>]*\baction="([^"]*)"/.exec(form)?.[1]?.replaceAll("&amp;", "&") ?? "", url);
  }
  throw new Error("the pages never end");
}

if (process.argv[1] === import.meta.filename) {
  const answer = process.env.FORM_USER_ANSWER ?? "allow";
  // The command's one-time URL leads to the service's, and sets the cookie for the way back.
  const started = await fetch(process.argv[2] ?? "", { redirect: "manual" });
  const cookie = started.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  const { left } = await fillForms(started.headers.get("location") ?? "", {
    login: "alice",
    answer,
    ...(answer === "allow" && { allow: "Authorize" }),
  }).catch(() => ({}));
  if (left)
    await fetch(left, { headers: { cookie } }).then(
      (page) => page.text(),
      () => undefined,
    );
}

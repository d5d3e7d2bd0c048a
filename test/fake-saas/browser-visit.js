/**
 * A browser with a user, for `BROWSER`: opens the URL, presses the button, follows redirects. Plain JavaScript, started
 * outside of any loader. Silent and without failures, as real browsers. `FAKE_SAAS_USER` chooses the account.
 *
 * @param {string | undefined} address
 * @param {"approve" | "deny"} decision
 */
export async function visit(address, decision) {
  try {
    const cookies = new Map();
    const page = await open(address ?? "", {}, cookies);
    const html = await page.text();
    const action = /<form method="post" action="([^"]*)"/.exec(html)?.[1];
    if (action === undefined) return;
    const form = new URLSearchParams();
    for (const [, name, value] of html.matchAll(/<input[^>]* name="([^"]*)" value="([^"]*)"/g)) form.set(name, value);
    form.set("user", process.env.FAKE_SAAS_USER ?? "alice");
    form.set("decision", decision);
    const answer = await open(new URL(action, page.url), { method: "POST", body: form }, cookies);
    await answer.arrayBuffer();
  } catch {
    // Browsers do not report failures.
  }
}

/**
 * Opens a URL and follows its redirects, with each host's cookies.
 *
 * @param {string | URL} address
 * @param {RequestInit} init
 * @param {Map<string, string>} cookies by host name, as in browsers: without the port
 */
async function open(address, init, cookies) {
  let url = new URL(address);
  for (let asked = init; ; asked = {}) {
    const answer = await fetch(url, {
      ...asked,
      redirect: "manual",
      headers: { cookie: cookies.get(url.hostname) ?? "" },
    });
    const set = answer.headers.getSetCookie().map((line) => line.split(";")[0]);
    if (set.length > 0) cookies.set(url.hostname, set.join("; "));
    const location = answer.headers.get("location");
    if (location === null || answer.status < 300 || answer.status > 399) return answer;
    url = new URL(location, url);
  }
}

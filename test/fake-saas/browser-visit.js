/**
 * Plays a browser with a user at it, for programs that open addresses through `BROWSER`: opens the address, presses the
 * button, follows the redirects. Plain JavaScript, because a browser is started outside of any loader. Says nothing and
 * never fails: real browsers do not report back either. `FAKE_SAAS_USER` chooses the account.
 *
 * @param {string | undefined} address
 * @param {"approve" | "deny"} decision
 */
export async function visit(address, decision) {
  try {
    const page = await fetch(address ?? "");
    const html = await page.text();
    const action = /<form method="post" action="([^"]*)"/.exec(html)?.[1];
    if (action === undefined) return;
    const form = new URLSearchParams();
    for (const [, name, value] of html.matchAll(/<input[^>]* name="([^"]*)" value="([^"]*)"/g)) form.set(name, value);
    form.set("user", process.env.FAKE_SAAS_USER ?? "alice");
    form.set("decision", decision);
    const answer = await fetch(new URL(action, page.url), { method: "POST", body: form });
    await answer.arrayBuffer();
  } catch {
    // Nobody listens to a browser's troubles.
  }
}

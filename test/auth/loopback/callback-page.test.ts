import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { callbackPage, redirection, refusal } from "../../../src/auth/loopback/callback-page.ts";
import { createIdentity, ownIdentity } from "../../../src/base/identity.ts";

type Page = Parameters<typeof callbackPage>[0];
const render = (page: Page): ReturnType<typeof callbackPage> =>
  callbackPage(page, { identity: ownIdentity, issuer: "login.example" });

const pages: Page[] = [
  { kind: "success", account: "alice@example.com (Acme Corp)" },
  { kind: "denied" },
  { kind: "denied", said: "Policy says no" },
  { kind: "failed" },
  { kind: "failed", reason: "the service returned 500" },
  { kind: "expired" },
  { kind: "wrong-state" },
  { kind: "already-used" },
];

test("every page is self-contained and forbids everything but its own style", () => {
  for (const page of pages) {
    const { headers, body } = render(page);
    const style = /<style>([\s\S]*)<\/style>/.exec(body)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    assert.equal(
      headers["content-security-policy"],
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    assert.doesNotMatch(body, /<(script|link|img|iframe|form|object)|url\(|src=|href=| style=/i);
    assert.match(body, /^<!doctype html>\n<html lang="en">/);
    assert.match(body, /prefers-color-scheme:dark/);
  }
});

test("no response is cached, sniffed by a browser or passed on to another site", () => {
  for (const { headers } of [...pages.map(render), redirection("/done"), refusal(404, "not found")]) {
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(headers["content-security-policy"] ?? "", /^default-src 'none'/);
  }
});

test("every outcome has its own title and status, and says what to do next", () => {
  const rendered = new Map(pages.map((page) => [page.kind, render(page)]));
  const titles = [...rendered.values()].map(({ body }) => /<title>(.*)<\/title>/.exec(body)?.[1]);
  assert.equal(new Set(titles).size, rendered.size);
  assert.deepEqual(
    [...rendered].map(([kind, { status }]) => `${kind} ${status}`),
    ["success 200", "denied 403", "failed 500", "expired 410", "wrong-state 400", "already-used 409"],
  );
  assert.match(rendered.get("success")?.body ?? "", /You can close this window and return to the terminal/);
  for (const kind of ["denied", "failed", "expired"] as const) {
    assert.match(rendered.get(kind)?.body ?? "", /spec-kitty auth login/);
  }
});

test("every page names the tool and the issuer, and what the server said stands in quotes, apart from our own words", () => {
  for (const page of pages) {
    const { body } = render(page);
    assert.match(body, /<title>[^<]+ - spec-kitty<\/title>/);
    assert.match(body, /<svg .*<b>spec-kitty<\/b> at login\.example</);
  }
  assert.match(
    render({ kind: "denied", said: "Policy says no" }).body,
    /<p>The response from login\.example:<\/p>\n<blockquote>“Policy says no”<\/blockquote>\n<p class="soft">Return /,
  );
});

test("the command to try again is the command of the tool that logs in", () => {
  assert.match(
    callbackPage(
      { kind: "denied" },
      { identity: createIdentity({ name: "acme", version: "1.0.0" }), issuer: "login.acme.example" },
    ).body,
    /run: <code>acme auth login<\/code>/,
  );
});

test("S-008 text from the server cannot run in the page or break out of its paragraph", () => {
  const hostile = `<script>alert(1)</script><img src=x onerror="x">&'</p></style>`;
  for (const page of [
    { kind: "success", account: hostile },
    { kind: "denied", said: hostile },
    { kind: "failed", said: hostile },
    { kind: "failed", reason: hostile },
  ] as const) {
    const { body } = render(page);
    assert.ok(
      body.includes("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&quot;x&quot;&gt;&amp;&#39;&lt;/p&gt;"),
      body,
    );
    assert.doesNotMatch(body, /<script|<img|onerror="/);
  }
});

test("S-008 control characters, direction marks and lone surrogates are removed from the server's text, and its length is bounded", () => {
  const { body } = render({ kind: "denied", said: `a\u0000b\u001b[31mc\u202ed\u2066e\u200bf\ud800g\u2028h\u0085i` });
  assert.match(body, /“ab\[31mcdefghi”</);
  const long = render({ kind: "denied", said: "\u{1f600}".repeat(100_000) }).body;
  assert.ok(long.length < 5_000);
  assert.doesNotMatch(long, /\p{Cs}/u, "no character is cut in half");
});

test("an empty reason counts as none", () => {
  assert.doesNotMatch(render({ kind: "denied", said: " " }).body, /blockquote>/);
});

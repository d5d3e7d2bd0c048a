import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsentQuestion } from "../../../src/app/login/options.ts";
import { createApp } from "../../../src/app/create-app.ts";
import { ownIdentity } from "../../../src/base/identity.ts";
import { askedConsent, deviceScreen } from "../../../src/cli/login/screens.ts";
import { createOutput } from "../../../src/cli/output.ts";

const questions: Record<ConsentQuestion["about"], ConsentQuestion> = {
  host: { about: "host", issuer: "https://login.example", host: "bank.example" },
  resource: { about: "resource", address: "https://host.example/mcp", resource: "https://host.example" },
  profile: { about: "profile", profile: "work", from: "https://a.example", to: "https://b.example" },
  file: { about: "file", reason: "no OS keychain is available" },
};

/** What comes of an answer, undefined for the end of the input; `asked` has each question that a terminal saw. */
async function consent(
  about: ConsentQuestion["about"],
  answer: string | undefined | readonly string[],
  { granted = {}, isInteractive = true } = {},
): Promise<{ agreed: boolean | undefined; asked: string[] }> {
  const asked: string[] = [];
  const stream = { write: () => true };
  const out = createOutput({ stdout: stream, stderr: stream, env: {} }, () => "");
  const terminal = async () => ({
    isInteractive,
    onLine: () => undefined,
    ask: async (question: string) => [answer].flat()[asked.push(question) - 1],
  });
  const context = {
    identity: ownIdentity,
    auth: () => assert.fail("nothing is asked of it"),
    app: createApp({ env: {} }),
    out,
    terminal,
    stdin: () => assert.fail("nothing is read"),
    signal: new AbortController().signal,
    commands: [],
  };
  return { agreed: await askedConsent(context, granted)?.(questions[about]), asked };
}

for (const about of ["host", "resource", "profile"] as const) {
  test(`${about === "profile" ? "S-015" : "S-011"} a question of trust, about the ${about}, has a no for its usual answer, and only a yes goes on`, async () => {
    for (const answer of ["", "n", "no", undefined]) assert.equal((await consent(about, answer)).agreed, false, answer);
    for (const slip of ["yess", "y n", "1", "?"]) {
      const { agreed, asked } = await consent(about, [slip, "y"]);
      assert.deepEqual([agreed, asked.length], [true, 2], `"${slip}" is neither, and is asked about again`);
    }
    for (const answer of ["y", "Y", "yes", "YES"]) assert.equal((await consent(about, answer)).agreed, true, answer);
    assert.match((await consent(about, "")).asked.join(), /\[y\/N\]/);
  });
}

test("FR-007 the question about the encrypted file is agreed to with Enter, and not by the end of the input", async () => {
  assert.deepEqual(await consent("file", ""), {
    agreed: true,
    asked: ["No OS keychain is available. Keep the session in an encrypted file? [Y/n] "],
  });
  for (const answer of ["n", undefined]) assert.equal((await consent("file", answer)).agreed, false, answer);
});

test("consent given beforehand needs no question, other questions are asked; without a terminal none is", async () => {
  assert.deepEqual(await consent("profile", "n", { granted: { profile: true } }), { agreed: true, asked: [] });
  assert.equal((await consent("host", "n", { granted: { profile: true, file: true } })).agreed, false);
  assert.deepEqual(await consent("host", "y", { isInteractive: false }), { agreed: undefined, asked: [] });
});

interface Shown {
  issuer?: string;
  page?: string;
  code?: string;
  /** The address that contains the code. */
  complete?: string;
  /** The terminal; undefined for none. */
  terminal?: { columns?: number; rows?: number; env?: Record<string, string> };
}

/** What is said of a code. */
function said({
  issuer = "https://login.example",
  page = `${issuer}/device`,
  code = "ABCD-EFGH",
  complete,
  terminal,
}: Shown): string {
  let text = "";
  const write = (more: string | Uint8Array): unknown => (text += String(more));
  const stderr =
    terminal === undefined
      ? { write }
      : { write, isTTY: true, columns: terminal.columns ?? 100, rows: terminal.rows ?? 50 };
  const out = createOutput(
    { stdout: { write }, stderr, env: { LANG: "C.UTF-8", NO_COLOR: "1", ...terminal?.env } },
    () => "",
  );
  const context = {
    identity: ownIdentity,
    auth: () => assert.fail("nothing is asked of it"),
    app: createApp({ env: {} }),
    out,
    terminal: () => Promise.reject(new Error("nothing is asked")),
    stdin: () => assert.fail("nothing is read"),
    signal: new AbortController().signal,
    commands: [],
  };
  deviceScreen(context).onCode?.({
    issuer,
    verificationUri: page,
    userCode: code,
    verificationUriComplete: complete,
    expiresAt: 0,
  });
  return text;
}

test("S-011 where the page of a device login is not at the issuer, both are named in one line", () => {
  assert.match(
    said({ issuer: "https://login.example/a", page: "https://bank.example/device" }),
    /^The login is at https:\/\/login\.example\/a, and its page is at bank\.example\.$/m,
  );
  assert.match(said({ page: "https://login.example:8443/device" }), /its page is at login\.example:8443\.$/m);
  assert.doesNotMatch(
    said({ issuer: "https://login.example/a", page: "https://login.example/device" }),
    /its page is at/,
  );
});

test("FR-019 a code in one row is shown in chunks, and one with dashes of its own as it came", () => {
  for (const [sent, shown] of [
    ["WDJBMJHT", "WDJB-MJHT"],
    ["ABC-DEF-GHI", "ABC-DEF-GHI"],
    ["12345678", "1234-5678"],
  ] as const) {
    assert.ok(said({ code: sent }).endsWith(`\n\nand enter this code:\n\n  ${shown}\n\n`));
  }
});

test("S-011 a URL that contains the code is printed whole, unless it leads to a host other than the page's", () => {
  const complete = "https://login.example/device?user_code=ABCD-EFGH";
  assert.ok(said({ complete }).includes(`\n\nThis URL contains the code already:\n\n  ${complete}\n`));
  assert.doesNotMatch(said({ complete: "https://evil.example/device?user_code=1" }), /evil|already/);
});

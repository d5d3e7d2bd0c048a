import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConsentQuestion } from "../../../src/app/login/options.ts";
import { createApp } from "../../../src/app/app.ts";
import { ownIdentity } from "../../../src/base/identity.ts";
import { askedConsent, deviceScreen } from "../../../src/cli/login/screens.ts";
import { createOutput } from "../../../src/cli/output.ts";

const questions: Record<ConsentQuestion["about"], ConsentQuestion> = {
  host: { about: "host", issuer: "https://login.example", host: "bank.example" },
  profile: { about: "profile", profile: "work", from: "https://a.example", to: "https://b.example" },
  file: { about: "file", reason: "there is no keychain here" },
};

/** What comes of an answer, undefined for the end of the input; `asked` has each question that a terminal saw. */
async function consent(about: ConsentQuestion["about"], answer: string | undefined, { granted = {}, isInteractive = true } = {}): Promise<{ agreed: boolean | undefined; asked: string[] }> {
  const asked: string[] = [];
  const stream = { write: () => true };
  const out = createOutput({ stdout: stream, stderr: stream, env: {}, platform: "linux" }, () => "");
  const terminal = async () => ({ isInteractive, onLine: () => undefined, ask: async (question: string) => (asked.push(question), answer) });
  const context = { identity: ownIdentity, app: createApp({ env: {} }), out, terminal, signal: new AbortController().signal, commands: [] };
  return { agreed: await askedConsent(context, granted)?.(questions[about]), asked };
}

for (const about of ["host", "profile"] as const) {
  test(`${about === "host" ? "S-011" : "S-015"} a question of trust, about the ${about}, has a no for its usual answer, and only a yes goes on`, async () => {
    for (const answer of ["", "n", "no", "yess", "y n", "1", undefined]) assert.equal((await consent(about, answer)).agreed, false, answer);
    for (const answer of ["y", "Y", "yes", "YES"]) assert.equal((await consent(about, answer)).agreed, true, answer);
    assert.match((await consent(about, "")).asked.join(), /\[y\/N\]/);
  });
}

test("FR-007 the question about the encrypted file is agreed to with Enter, and not by the end of the input", async () => {
  assert.deepEqual(await consent("file", ""), { agreed: true, asked: ["There is no keychain here. Keep the session in an encrypted file? [Y/n] "] });
  for (const answer of ["n", "maybe", undefined]) assert.equal((await consent("file", answer)).agreed, false, answer);
});

test("what was agreed to beforehand is not asked, other questions are; without a terminal there is nobody to ask", async () => {
  assert.deepEqual(await consent("profile", "n", { granted: { profile: true } }), { agreed: true, asked: [] });
  assert.equal((await consent("host", "n", { granted: { profile: true, file: true } })).agreed, false);
  assert.deepEqual(await consent("host", "y", { isInteractive: false }), { agreed: undefined, asked: [] });
});

/** What is said of a code. */
function said(issuer: string, verificationUri: string, userCode = "ABCD-EFGH"): string {
  let text = "";
  const stream = { write: (more: string | Uint8Array) => (text += String(more)) };
  const out = createOutput({ stdout: stream, stderr: stream, env: {}, platform: "linux" }, () => "");
  const context = { identity: ownIdentity, app: createApp({ env: {} }), out, terminal: () => Promise.reject(new Error("nothing is asked")), signal: new AbortController().signal, commands: [] };
  deviceScreen(context, true).onCode?.({ issuer, verificationUri, userCode, verificationUriComplete: undefined, expiresAt: 0 });
  return text;
}

test("S-011 where the page of a device login is not at the issuer, both are named in one line", () => {
  assert.match(said("https://login.example/a", "https://bank.example/device"), /^The login is at https:\/\/login\.example\/a, and its page is at bank\.example\.$/m);
  assert.match(said("https://login.example", "https://login.example:8443/device"), /its page is at login\.example:8443\.$/m);
  assert.doesNotMatch(said("https://login.example/a", "https://login.example/device"), /its page is at/);
});

test("FR-019 eight letters without a dash are shown in two halves, and a code with dashes of its own as it came", () => {
  for (const [sent, shown] of [["WDJBMJHT", "WDJB-MJHT"], ["ABC-DEF-GHI", "ABC-DEF-GHI"], ["12345678", "12345678"]] as const) {
    assert.ok(said("https://login.example", "https://login.example/device", sent).endsWith(`\n\nand enter this code:\n\n  ${shown}\n\n`));
  }
});

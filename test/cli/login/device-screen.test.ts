import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../../src/app/app.ts";
import { ownIdentity } from "../../../src/base/identity.ts";
import { deviceScreen } from "../../../src/cli/login/device-screen.ts";
import { createOutput } from "../../../src/cli/output.ts";

/** What is said of a code. */
function said(issuer: string, verificationUri: string): string {
  let text = "";
  const stream = { write: (more: string | Uint8Array) => (text += String(more)) };
  const out = createOutput({ stdout: stream, stderr: stream, env: {}, platform: "linux" }, () => "");
  const context = { identity: ownIdentity, app: createApp({ env: {} }), out, terminal: () => Promise.reject(new Error("nothing is asked")), signal: new AbortController().signal, commands: [], groups: {} };
  deviceScreen(context, true).onCode?.({ issuer, verificationUri, userCode: "ABCD-EFGH", verificationUriComplete: undefined, expiresAt: 0 });
  return text;
}

test("S-011 where the page of a device login is not at the issuer, both are named in one line", () => {
  assert.match(said("https://login.example/a", "https://bank.example/device"), /^The login is at https:\/\/login\.example\/a, and its page is at bank\.example\.$/m);
  assert.match(said("https://login.example", "https://login.example:8443/device"), /its page is at login\.example:8443\.$/m);
  assert.doesNotMatch(said("https://login.example/a", "https://login.example/device"), /its page is at/);
});

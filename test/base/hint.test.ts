import assert from "node:assert/strict";
import { test } from "node:test";
import { hint, login, type Hint, hintText } from "../../src/base/hint.ts";
import { createIdentity, ownIdentity } from "../../src/base/identity.ts";

const other = createIdentity({ name: "acme-cli", version: "2.0.0" });

test("a hint names the tool that shows it", () => {
  const text = hint`Run: ${login("work", "--force")}, or set ${{ variable: "STORAGE" }}`;
  assert.equal(
    hintText(text, { identity: other, platform: "linux" }),
    "Run: acme-cli auth login --profile work --force, or set ACME_CLI_STORAGE",
  );
  assert.equal(
    hintText(text, { identity: ownIdentity, platform: "linux" }),
    "Run: spec-kitty auth login --profile work --force, or set SPEC_KITTY_STORAGE",
  );
});

test("a login without a profile is one to the profile in use, and the default profile is not named", () => {
  const text = hint`${login()}`;
  assert.equal(hintText(text, { identity: other, profile: "work" }), "acme-cli auth login --profile work");
  assert.equal(hintText(text, { identity: other, profile: "default" }), "acme-cli auth login");
  assert.equal(
    hintText(hint`${{ command: "auth doctor" }}`, { identity: other, profile: "work" }),
    "acme-cli auth doctor",
  );
});

test("a tool with commands of its own names those, and no hint tells its users to type what it does not have", () => {
  const acme = createIdentity({
    name: "acme",
    version: "1.0.0",
    commands: { login: "acme sign-in", logout: "acme sign-out" },
  });
  const said = (text: Hint): string => hintText(text, { identity: acme, platform: "linux" });
  assert.equal(said(hint`Run: ${login("work", "--force")}`), "Run: acme sign-in");
  assert.equal(
    said(hint`Fix this, then run: ${{ command: "auth logout", options: ["--profile", "work"] }}`),
    "Fix this, then run: acme sign-out",
  );
  assert.equal(
    said(hint`Unlock it and try again, or store the key elsewhere: ${login(undefined, "--storage", "file")}`),
    "Unlock it and try again",
  );
  assert.equal(
    said(hint`Accept it: ${{ variable: "STORAGE", value: "file" }}, or ${login(undefined, "--yes")}`),
    "Accept it: export ACME_STORAGE=file",
  );
  assert.equal(
    said(hint`Try again: ${login()}. If a.example is yours, open the URL: ${login(undefined, "--no-browser")}`),
    "Try again: acme sign-in",
  );
  assert.equal(said(hint`Run: ${{ command: "auth doctor" }}`), "Try again: acme sign-in");
});

const words: [what: string, text: Hint, posix: string, powerShell: string][] = [
  [
    "a plain path",
    hint`${{ run: ["cd", "/home/kim/a-b_c.json"] }}`,
    "cd /home/kim/a-b_c.json",
    "cd /home/kim/a-b_c.json",
  ],
  ["a path with a blank", hint`${{ run: ["cd", "/home/kim k/x"] }}`, "cd '/home/kim k/x'", "cd '/home/kim k/x'"],
  ["a path of Windows", hint`${{ run: ["cd", "C:\\Users\\kim"] }}`, "cd 'C:'\\\\'Users'\\\\'kim'", "cd C:\\Users\\kim"],
  ["a command in a path", hint`${{ run: ["cd", "/tmp/$(id)`id`"] }}`, "cd '/tmp/$(id)`id`'", "cd '/tmp/$(id)`id`'"],
  ["a quote", hint`${{ run: ["cd", "it's"] }}`, "cd 'it'\\''s'", "cd 'it''s'"],
  ["a typographic quote", hint`${{ run: ["cd", "it\u2019s"] }}`, "cd 'it\u2019s'", "cd 'it\u2019\u2019s'"],
  ["a home folder that is none", hint`${{ run: ["cd", "~kim"] }}`, "cd '~kim'", "cd '~kim'"],
  ["a list", hint`${{ run: ["x", "a,b"] }}`, "x a,b", "x 'a,b'"],
  ["nothing", hint`${{ run: ["x", ""] }}`, "x ''", "x ''"],
  [
    "an address for a variable",
    hint`${{ set: "HTTPS_PROXY", value: "http://proxy.example:3128" }}`,
    "export HTTPS_PROXY=http://proxy.example:3128",
    "$env:HTTPS_PROXY = 'http://proxy.example:3128'",
  ],
  [
    "a value for a variable of the tool",
    hint`${{ variable: "STORAGE", value: "file" }}`,
    "export ACME_CLI_STORAGE=file",
    "$env:ACME_CLI_STORAGE = 'file'",
  ],
  [
    "a variable that is unset, whatever its name",
    hint`${{ set: "X$(id)", value: null }}`,
    "unset 'X$(id)'",
    "Remove-Item 'Env:X$(id)'",
  ],
  [
    "an option of the tool",
    hint`${{ command: "auth login", options: ["--scope", "openid email"] }}`,
    "acme-cli auth login --scope 'openid email'",
    "acme-cli auth login --scope 'openid email'",
  ],
];
for (const [what, text, posix, powerShell] of words) {
  test(`${what} is quoted for the shell that the user has`, () => {
    assert.equal(hintText(text, { identity: other, platform: "linux" }), posix);
    assert.equal(hintText(text, { identity: other, platform: "darwin" }), posix);
    assert.equal(hintText(text, { identity: other, platform: "win32" }), powerShell);
  });
}

const commands: [what: string, text: Hint, posix: string, powerShell: string][] = [
  [
    "what unsets a variable",
    hint`${{ set: "HTTPS_PROXY", value: null }}`,
    "unset HTTPS_PROXY",
    "Remove-Item Env:HTTPS_PROXY",
  ],
  [
    "what unsets a variable of the tool",
    hint`${{ variable: "ACCESS_TOKEN", value: null }}`,
    "unset ACME_CLI_ACCESS_TOKEN",
    "Remove-Item Env:ACME_CLI_ACCESS_TOKEN",
  ],
  [
    "what shows who may use a file",
    hint`${{ run: ["ls", "-ld", "/a", "/a/b c"] }}`,
    "ls -ld /a '/a/b c'",
    "icacls '/a/b c'",
  ],
  [
    "what moves a file away",
    hint`${{ run: ["mv", "/a/b", "/a/b.old"] }}`,
    "mv /a/b /a/b.old",
    "Move-Item -LiteralPath /a/b /a/b.old",
  ],
  ["what removes a file", hint`${{ run: ["rm", "/a/b"] }}`, "rm /a/b", "Remove-Item -LiteralPath /a/b"],
  [
    "what removes a folder",
    hint`${{ run: ["rm", "-r", "/a/b"] }}`,
    "rm -r /a/b",
    "Remove-Item -Recurse -LiteralPath /a/b",
  ],
  [
    "what creates a folder",
    hint`${{ run: ["mkdir", "-p", "-m", "700", "/a/b"] }}`,
    "mkdir -p -m 700 /a/b",
    "mkdir /a/b",
  ],
  [
    "what tries a connection",
    hint`${{ run: ["nc", "-vz", "host.example", "443"] }}`,
    "nc -vz host.example 443",
    "Test-NetConnection host.example -Port 443",
  ],
  [
    "what shows a handshake",
    hint`${{ run: ["openssl", "s_client", "-connect", "host.example:443"] }}`,
    "openssl s_client -connect host.example:443",
    "curl.exe -v https://host.example:443",
  ],
];
for (const [what, text, posix, powerShell] of commands) {
  test(`NFR-014 ${what} is a command that Windows has`, () => {
    assert.equal(hintText(text, { identity: other, platform: "linux" }), posix);
    assert.equal(hintText(text, { identity: other, platform: "win32" }), powerShell);
  });
}

test("a name that cannot name a directory and a variable is refused", () => {
  for (const name of ["", "Acme", "acme cli", "acme--cli", "-acme", "acme-", "9lives", "acme/cli"]) {
    assert.throws(() => createIdentity({ name, version: "1.0.0" }), TypeError, name);
  }
  for (const name of [null, undefined, 5, ["acme"], { toString: () => "acme" }, "a".repeat(65)]) {
    assert.throws(
      () => createIdentity({ name: name as string, version: "1.0.0" }),
      /^TypeError: ".*" is not a valid tool name/,
    );
  }
});

test("a version that no header can carry is refused before anything is sent", () => {
  for (const version of ["", "1\r\nx-other: y", "\u001b[2J", "1 2", null, undefined, 5, "1".repeat(101)]) {
    assert.throws(
      () => createIdentity({ name: "acme", version: version as string }),
      /^TypeError: .* is not a valid tool version/,
    );
  }
});

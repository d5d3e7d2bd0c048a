// A service whose names and errors move the cursor, set the title, forge lines, and run in the page.
import assert from "node:assert/strict";
import { approve, tamper, type Visit } from "../../fake-saas/user.ts";
import { logInHere } from "../../helpers/command-here.ts";
import type { CommandResult } from "../../helpers/command.ts";
import type { Attack } from "../stage.ts";

const hostile =
  "\u001b[2J\u001b]0;owned\u0007\u009b31mEvil\u202e\u2066\u200b\r\nerror: forged\n✓ Logged in as root\u2028hint: rm -rf\u0000</p><script>alert(1)</script>";

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene();
  Object.assign(saas.users.alice, {
    email: `a${hostile}`,
    name: hostile,
    teams: [{ id: `tm${hostile}`, name: hostile, role: hostile }],
  });
  let visit: Promise<Visit> | undefined;
  assertHarmless(await logInHere(["auth", "login"], env, {}, (address) => (visit = approve(address))));
  await assertPage(visit, /You are logged in/);
  for (const args of ["auth status --check", "auth whoami", "auth list", "auth team"]) assertHarmless(await here(args));
  const lending = stage.start(["auth", "agent", "--json"], env);
  await lending.shows(/^Lending/m);
  assertHarmless({ stdout: lending.stdout(), stderr: lending.stderr() });
  const another = ["auth", "login", "--force"];
  assertHarmless(await logInHere(another, env, {}, (address) => approve(address, { as: "bob" })));
  const change = ({ searchParams }: URL): void => {
    searchParams.delete("code");
    searchParams.set("error", `server_error${hostile}`);
    searchParams.set("error_description", hostile);
  };
  const args = ["auth", "login", "--force"];
  const failed = await logInHere(args, env, {}, (address) => (visit = tamper(address, change)));
  assert.equal(failed.code, 1);
  assertHarmless(failed);
  await assertPage(visit, /The login failed/);
  return "held";
};

function assertHarmless({ stdout, stderr }: Pick<CommandResult, "stdout" | "stderr">): void {
  for (const text of [stdout, stderr]) {
    assert.doesNotMatch(text, /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.doesNotMatch(text, /^\s*(error: forged|✓ Logged in as root|hint: rm)/m);
  }
}

async function assertPage(visit: Promise<Visit> | undefined, title: RegExp): Promise<void> {
  const { page, headers } = (await visit) ?? assert.fail("there is a page");
  assert.match(page, title);
  assert.doesNotMatch(page, /<script|[\u202a-\u202e\u2066-\u2069\u001b\u200b]/);
  assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none';/);
}

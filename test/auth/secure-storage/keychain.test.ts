import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { KeychainAnswer, KeychainRequest } from "../../../src/auth/secure-storage/keychain-process.ts";
import { createKeychain, type Keychain } from "../../../src/auth/secure-storage/keychain.ts";
import { AuthError } from "../../../src/base/errors.ts";
import { createIdentity, ownIdentity } from "../../../src/base/identity.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { Secret } from "../../../src/base/secret.ts";
import { scratchFolder } from "../../helpers/command.ts";
import { hintOf } from "../../helpers/hint.ts";

const key = new Secret(Buffer.alloc(32, 7).toString("base64url"));

function keychainThat(
  answers: (request: KeychainRequest, signal: AbortSignal) => Promise<KeychainAnswer>,
  timedOut?: AbortSignal,
): Keychain {
  return createKeychain({
    folder: () => "",
    identity: ownIdentity,
    clock: { ...systemClock, timeout: () => timedOut ?? new AbortController().signal },
    env: {},
    ask: (request, _env, signal) => answers(request, signal),
  });
}

async function refusal(action: Promise<unknown>): Promise<AuthError> {
  let found: unknown;
  await action.catch((error: unknown) => (found = error));
  assert.ok(found instanceof AuthError);
  return found;
}

test("a key is stored under the tool's name and read back unchanged", async () => {
  const kept = new Map<string, string>();
  const keychain = keychainThat(async ({ operation, service, account, key: given }) => {
    const name = `${service}/${account}`;
    if (operation === "write") kept.set(name, given ?? "");
    if (operation === "remove") kept.delete(name);
    return { key: operation === "read" ? (kept.get(name) ?? null) : null };
  });
  assert.equal(await keychain.read("a"), undefined);
  await keychain.write("a", key);
  assert.deepEqual([...kept.keys()], ["spec-kitty/a"]);
  assert.ok((await keychain.read("a"))?.equals(key));
  await keychain.remove("a");
  assert.equal(await keychain.read("a"), undefined);
});

test("another tool's keys are stored under its own name", async () => {
  const services: string[] = [];
  const ask = async ({ service }: KeychainRequest): Promise<KeychainAnswer> => (services.push(service), { key: null });
  await createKeychain({
    folder: () => "",
    identity: createIdentity({ name: "acme", version: "1.0.0" }),
    clock: systemClock,
    env: {},
    ask,
  }).read("a");
  assert.deepEqual(services, ["acme"]);
});

test("an entry that is not 32 bytes long is reported as damaged", async () => {
  const { code } = await refusal(keychainThat(async () => ({ key: "c2hvcnQ" })).read("a"));
  assert.equal(code, "storage_damaged");
});

test("a keychain not responding in time is an error, and the process that asks it is ended", async () => {
  const timedOut = new AbortController();
  const keychain = keychainThat(
    (_request, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("killed")))),
    timedOut.signal,
  );
  const refused = refusal(keychain.read("a"));
  timedOut.abort();
  const { code, message, hint } = await refused;
  assert.equal(code, "keychain_unavailable");
  assert.match(message, /did not respond within 3 s/);
  assert.match(hintOf({ hint }), /Unlock it .* spec-kitty auth login --storage file/);
});

for (const [answer, says] of [
  [
    { missing: "Cannot find module '@napi-rs/keyring'" },
    /cannot load the optional package "@napi-rs\/keyring" \(Cannot find module/,
  ],
  [{ missing: "it is not installed next to this program" }, /cannot load .* \(it is not installed/],
  [
    { noNode: '"/opt/tool" is a single executable' },
    /cannot start the Node\.js process for the keychain \("\/opt\/tool" is a single executable\)$/,
  ],
  [
    { open: { path: "/srv/shared", uid: 0, mode: 0o777 } },
    /library is not loaded, since "\/srv\/shared" can be changed by others \(mode 0777\)$/,
  ],
  [
    { open: { path: "/srv/shared", uid: 12345, mode: 0o755 } },
    /library is not loaded, since "\/srv\/shared" belongs to another user \(uid 12345\)$/,
  ],
  [{ missing: "libc.musl-x86_64.so.1: cannot open shared object file" }, /cannot load .* \(libc\.musl/],
  [
    { failed: "Couldn't access platform storage: Secret Service: unlock prompt was dismissed" },
    /^the keychain is locked$/,
  ],
  [{ failed: "Platform failure: User interaction is not allowed." }, /^the keychain is locked$/],
  [{ failed: "Platform failure: DBus error: no bus" }, /^no OS keychain is available$/],
] as const) {
  test(`${JSON.stringify(Object.values(answer)[0])} is reported as ${says}`, async () => {
    for (const action of [
      keychainThat(async () => answer).read("a"),
      keychainThat(async () => answer).write("a", key),
      keychainThat(async () => answer).remove("a"),
    ]) {
      const { code, message, hint } = await refusal(action);
      assert.equal(code, "keychain_unavailable");
      assert.match(message, says);
      assert.match(hintOf({ hint }), /spec-kitty auth login --storage file/);
    }
  });
}

test("a program given to Node with -e is not run again to ask the keychain", async (t) => {
  const runs = join(scratchFolder(t), "runs");
  const program = `
    import { appendFileSync } from "node:fs";
    appendFileSync(${JSON.stringify(runs)}, "run\\n");
    if (process.argv.length > 1) process.exit();
    const { createApp } = await import(${JSON.stringify(new URL("../../../dist/app/create-app.js", import.meta.url).href)});
    const { clock } = createApp();
    const { keychain } = createApp({ env: { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined }, clock: { ...clock, timeout: () => clock.timeout(20_000) } });
    await (await keychain()).read("a").catch((error) => console.log(error.message));`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.match(stdout, /no OS keychain/);
  assert.equal(readFileSync(runs, "utf8"), "run\n");
});

test("S-005 the key is in no argument of the process that asks the keychain, and in no error", async () => {
  // Without a session bus the real process finds no keychain.
  const env = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
  const keychain = createKeychain({
    folder: () => "",
    identity: ownIdentity,
    clock: systemClock,
    env,
    timeoutMs: 20_000,
  });
  const error = await refusal(keychain.write("a", key));
  assert.equal(error.code, "keychain_unavailable");
  assert.ok(!JSON.stringify([error.message, error.hint, String(error.cause)]).includes(key.reveal()));
});

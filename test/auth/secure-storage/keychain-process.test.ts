import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import {
  askKeychainProcess,
  startKeychainProcess,
  type KeychainAnswer,
} from "../../../src/auth/secure-storage/keychain-process.ts";
import { scratchFolder, typescript } from "../../helpers/command.ts";
import { until } from "../../helpers/until.ts";

const options = { skip: process.platform === "win32" && "the program in the place of Node is a shell script" };
const node = process.execPath;
const key = Buffer.alloc(32, 7).toString("base64url");
const write = { operation: "write", service: "some-tool", account: "a", key } as const;

/** Another program instead of Node. */
function executable(t: TestContext, script: (folder: string) => string): string {
  const folder = scratchFolder(t);
  const path = join(folder, "program");
  writeFileSync(path, `#!/bin/sh\n${script(folder)}\n`, { mode: 0o755 });
  process.execPath = path;
  t.after(() => (process.execPath = node));
  return folder;
}

/** Until the test ends. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  const set = (values: Readonly<Record<string, string | undefined>>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  t.after(() => set(before));
  set(variables);
}

function ask(env: Readonly<Record<string, string | undefined>> = {}, timeoutMs = 60_000): Promise<KeychainAnswer> {
  return until("the keychain's process answers", askKeychainProcess(write, env, AbortSignal.timeout(timeoutMs), ""));
}

test(
  "S-005 S-012 the process that asks the keychain gets the bus and no secret, no options of Node and no key on its command line",
  options,
  async (t) => {
    environment(t, {
      SPEC_KITTY_PASSPHRASE: "secret-1",
      SPEC_KITTY_ACCESS_TOKEN: "secret-2",
      AWS_SECRET_ACCESS_KEY: "secret-3",
      NODE_OPTIONS: "--no-warnings",
      NODE_PATH: "/tmp",
      NAPI_RS_NATIVE_LIBRARY_PATH: "/tmp/planted.node",
      XDG_RUNTIME_DIR: "/run/user/1",
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/of-the-process",
    });
    const folder = executable(
      t,
      (folder) =>
        `env > ${folder}/env; printf '%s\\n' "$@" > ${folder}/arguments; cat > ${folder}/request; printf '\\n{"key":null}\\n' >&3`,
    );
    assert.deepEqual(await ask({ ACME_PASSPHRASE: "secret-4", DBUS_SESSION_BUS_ADDRESS: "unix:path=/of-the-app" }), {
      key: null,
    });
    const env = readFileSync(join(folder, "env"), "utf8");
    assert.match(env, /^DBUS_SESSION_BUS_ADDRESS=unix:path=\/of-the-app$/m);
    assert.match(env, /^XDG_RUNTIME_DIR=\/run\/user\/1$/m, "what the app's environment leaves out is the process's");
    assert.match(env, /^ELECTRON_RUN_AS_NODE=1$/m);
    assert.doesNotMatch(env, /secret-|^NODE|NAPI/m);
    assert.ok(!readFileSync(join(folder, "arguments"), "utf8").includes(key));
    const request = JSON.parse(readFileSync(join(folder, "request"), "utf8")) as Record<string, unknown>;
    assert.equal(request["key"], key);
  },
);

test("a process that asks the keychain never starts another", options, async (t) => {
  const folder = executable(t, (folder) => `env > ${folder}/env`);
  await ask();
  const [, marker = ""] = /^(\w*KEYCHAIN\w*)=1$/m.exec(readFileSync(join(folder, "env"), "utf8")) ?? [];
  environment(t, { [marker]: "1" });
  const again = executable(t, (folder) => `touch ${folder}/started`);
  assert.deepEqual(await ask(), { noNode: "this process was itself started as one" });
  assert.ok(!existsSync(join(again, "started")));
});

test(
  "what is started with the process that asks the keychain may print: the response has a descriptor of its own",
  options,
  async (t) => {
    executable(t, () => `echo '{"key":"planted"}'; echo '{"key":"planted"}' >&2; exec ${node} "$@"`);
    const answer = await ask({ DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined });
    assert.ok("failed" in answer && /no bus|DBUS_SESSION_BUS_ADDRESS/.test(answer.failed), JSON.stringify(answer));
  },
);

for (const [does, script, end] of [
  ["ends at once", "exit 3", /^"\S+program" ended with 3$/],
  ["prints something else", "echo hello; echo hello >&3", /^"\S+program" ended with 0$/],
] as const) {
  test(
    `NFR-015 where the program that runs is not Node, and ${does}, the error is that no Node can be started`,
    options,
    async (t) => {
      executable(t, () => script);
      const answer = await ask({});
      assert.ok("noNode" in answer);
      assert.match(answer.noNode, end);
    },
  );
}

test(
  "where the program that runs is slow to start, the keychain has not answered, and the error claims nothing else",
  options,
  async (t) => {
    executable(t, () => "exec sleep 600");
    await assert.rejects(ask({}, 1_000), { name: "TimeoutError" });
  },
);

test(
  "a process that asks the keychain and ends without a response is an error that names its end and not the key",
  options,
  async (t) => {
    for (const half of [key, `{${key}\\n`]) {
      executable(t, () => `printf '\\n${half}' >&3; exit 9`);
      await assert.rejects(
        ask(),
        (error) => error instanceof Error && /^its process ended with (9|null)$/.test(error.message),
      );
    }
  },
);

test(
  "a process that was started ahead gets the question, once; the next question starts another",
  options,
  async (t) => {
    const folder = executable(
      t,
      (folder) => `echo started >> ${folder}/starts; cat > /dev/null; printf '\\n{"key":null}\\n' >&3`,
    );
    const starts = (): number => readFileSync(join(folder, "starts"), "utf8").split("\n").length - 1;
    startKeychainProcess({});
    assert.deepEqual(await ask(), { key: null });
    assert.equal(starts(), 1);
    assert.deepEqual(await ask(), { key: null });
    assert.equal(starts(), 2);
  },
);

test(
  "a process that was started ahead and is never used keeps no program alive, and ends with it",
  options,
  async (t) => {
    const folder = scratchFolder(t);
    const stand = join(folder, "node");
    writeFileSync(stand, `#!/bin/sh\ncat > /dev/null\necho ended > ${folder}/ended\n`, { mode: 0o755 });
    const program = `
    import { startKeychainProcess } from ${JSON.stringify(new URL("../../../src/auth/secure-storage/keychain-process.ts", import.meta.url).href)};
    process.execPath = ${JSON.stringify(stand)};
    startKeychainProcess({});`;
    const run = promisify(execFile)(node, [...typescript, "--input-type=module", "-e", program]);
    await until("the program ends", run);
    await until("the process that was started ahead ends", () => existsSync(join(folder, "ended")));
  },
);

// The command and the library on Bun and on Deno, which has the permissions that the README names and no others.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { approveDevice } from "../../fake-saas/user.ts";
import { runCommand, startCommand } from "../../helpers/command.ts";
import { scene } from "../../helpers/scene.ts";
import { sessionOf, storeSession } from "../../helpers/stored-session.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const installed = at("node_modules");
const permissions =
  /deno run ((?: ?--allow-[a-z]+)+)/
    .exec(readFileSync(at("../../../README.md"), "utf8"))?.[1]
    ?.trim()
    .split(" ") ?? [];
assert.ok(permissions.length > 3, "the README names Deno's permissions");

const runtimes: Record<string, readonly [string, ...string[]]> = {
  Bun: [join(installed, "@oven", "bun-linux-x64", "bin", "bun")],
  Deno: [join(installed, "@deno", "linux-x64-glibc", "deno"), "run", "--no-prompt", ...permissions],
};

for (const [name, runtime] of Object.entries(runtimes)) {
  test(`the command on ${name}: login, token, refresh, a request, status, doctor and logout`, async (t) => {
    const { saas, env } = await scene(t);
    const run = (args: string): ReturnType<typeof runCommand> =>
      runCommand(t, args.split(" "), { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") }, { runtime });
    assert.equal(
      (await run("auth login")).stdout,
      "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n",
    );
    const token = (await run("auth token")).stdout;
    assert.equal((await run("auth refresh")).code, 0);
    assert.notEqual((await run("auth token")).stdout, token);
    assert.match((await run("api GET /api/v1/me")).stdout, /"email":"alice@example\.com"/);
    assert.equal((await run("auth whoami")).stdout, "alice@example.com\n");
    assert.equal((await run("auth status --check")).code, 0);
    const doctor = await run("auth doctor");
    assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr);
    assert.match(doctor.stdout, /^No problems found\.$/m);
    assert.doesNotMatch(doctor.stdout, /is not a function|Cannot read/);
    assert.equal((await run("auth logout")).code, 0);
    assert.equal(saas.counters.logouts, 1);
  });

  test(`the command on ${name}: a device login, and one refresh for eight processes`, async (t) => {
    const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
    const all = { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") };
    const running = startCommand(t, ["auth", "login", "--headless"], all, { runtime });
    const [[, address = ""], [, code = ""]] = await Promise.all([
      running.shows(/\n {2}(http\S+)\n/),
      running.shows(/enter this code:\n\n {2}(\S+)\n/),
    ]);
    await approveDevice(address, code);
    assert.equal((await running.ended).code, 0, running.stderr());
    await storeSession(saas, env, sessionOf(saas));
    const tokens = await Promise.all(
      Array.from({ length: 8 }, () => runCommand(t, ["auth", "token"], all, { runtime })),
    );
    assert.deepEqual(
      tokens.map(({ code: end }) => end),
      Array.from({ length: 8 }, () => 0),
      tokens.map(({ stderr }) => stderr).join(""),
    );
    assert.equal(new Set(tokens.map(({ stdout }) => stdout)).size, 1);
    assert.deepEqual([saas.counters.refreshes, saas.counters.reuses], [1, 0]);
  });

  test(`the library on ${name}: a token and a request`, async (t) => {
    const { env } = await scene(t);
    const all = { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") };
    await runCommand(t, ["auth", "login"], all, { runtime });
    const program = join(env["HOME"] ?? "", "program.mjs");
    const library = pathToFileURL(at("../../../dist/index.js")).href;
    writeFileSync(
      program,
      `import { createAuthorizedFetch, getTokenManager } from ${JSON.stringify(library)};
console.log((await getTokenManager().getAccessToken()).startsWith("at_"), (await (await createAuthorizedFetch()("/api/v1/me")).json()).email);\n`,
    );
    const { stdout, stderr } = await runCommand(t, [], all, { runtime, program });
    assert.equal(stdout, "true alice@example.com\n", stderr);
  });
}

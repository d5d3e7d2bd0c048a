// Command and library on Bun and Deno, with the documented permissions only: all, or one by one.
import assert from "node:assert/strict";
import { readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { approveDevice } from "../../fake-saas/user.ts";
import { runCommand, startCommand } from "../../helpers/command.ts";
import { emitLine } from "../../helpers/queue.ts";
import { filesUnder, scene } from "../../helpers/scene.ts";
import { sessionOf, storeSession } from "../../helpers/stored-session.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const installed = at("node_modules");
const page = readFileSync(at("../../../src/docs/install.md"), "utf8").replaceAll("\n", " ");
/** The page's flags for Deno, and for less. */
const [all, less] = [...page.matchAll(/deno run ((?: ?--allow-[a-z]+)+)/g)].map(([, flags = ""]) => flags.split(" "));
assert.deepEqual(all, ["--allow-all"]);
assert.ok(less !== undefined && less.length > 3, "the page names Deno's permissions one by one");

const [, bunOptions = ""] = /`bun ([^`]+)`/.exec(page) ?? [];
assert.match(bunOptions, /^--no-env-file --config=/);

const deno = join(installed, "@deno", "linux-x64-glibc", "deno");
const runtimes: Record<string, readonly [string, ...string[]]> = {
  Bun: [join(installed, "@oven", "bun-linux-x64", "bin", "bun"), ...bunOptions.split(" ")],
  Deno: [deno, "run", "--no-prompt", ...all],
  "Deno with less": [deno, "run", "--no-prompt", ...less],
};

for (const [name, runtime] of Object.entries(runtimes)) {
  test(`the command on ${name}: login, token, refresh, a request, status, doctor and logout`, async (t) => {
    const { saas, env } = await scene(t);
    const run = (args: string): ReturnType<typeof runCommand> =>
      runCommand(t, args.split(" "), { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") }, { runtime });
    // Without /proc a browser login differs: see test/security/.
    if (name === "Deno with less") await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    else
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
    assert.match(doctor.stdout, /^No problems found\./m);
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

  test(`S-016 on ${name} a file of the sessions or of the queue that is a link is not used`, async (t) => {
    const { saas, env, credentials, config } = await scene(t);
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    const all = { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") };
    const run = (args: string): ReturnType<typeof runCommand> => runCommand(t, args.split(" "), all, { runtime });
    assert.equal((await run(emitLine)).code, 0);
    const [queued = ""] = [...filesUnder(join(config, "queue")).keys()].filter((path) => path.includes("events"));
    for (const [path, args] of [
      [join(config, "queue", queued), emitLine],
      [credentials, "auth token"],
    ] as const) {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
      const before = readFileSync(path);
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, /^error: [^\n]* is (a symbolic link|not a regular file): not trusted\nhint: /);
      assert.deepEqual(readFileSync(path), before);
    }
  });

  test(`NFR-017 on ${name} a process that was killed while it held the lock blocks no other`, async (t) => {
    const { env } = await scene(t);
    const all = { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") };
    const program = join(env["HOME"] ?? "", "hold.mjs");
    const [lock, clock] = ["process-lock/process-lock", "clock"].map((file) =>
      JSON.stringify(pathToFileURL(at(`../../../dist/platform/${file}.js`)).href),
    );
    writeFileSync(
      program,
      `import { acquireProcessLock } from ${lock};
import { systemClock as clock } from ${clock};
const lock = await acquireProcessLock(${JSON.stringify(join(env["HOME"] ?? "", "lock"))}, { clock, timeoutMs: 20_000 });
console.log("held");
if (process.argv.includes("stay")) await new Promise((resolve) => setTimeout(resolve, 60_000));
lock.release();\n`,
    );
    const holder = startCommand(t, ["stay"], all, { runtime, program });
    await holder.shows(/held/);
    holder.child.kill("SIGKILL");
    await holder.ended;
    // Less than the 27 seconds of silence.
    const { code, stderr } = await runCommand(t, [], all, { runtime, program });
    assert.equal(code, 0, stderr);
  });

  test(`the library on ${name}: a token and a request`, async (t) => {
    const { saas, env } = await scene(t);
    const all = { ...env, DENO_DIR: join(env["HOME"] ?? "", "deno") };
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
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

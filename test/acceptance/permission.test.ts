// Node's permission model: permissions are on the command line, and fsync is always refused.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand, scratchFolder, withoutWaits } from "../helpers/command.ts";
import { scene } from "../helpers/scene.ts";
import { loginFile, sessionOf, storeSession, storedSession } from "../helpers/stored-session.ts";

const known = process.allowedNodeEnvironmentFlags;
const permission = known.has("--permission") ? "--permission" : "--experimental-permission";
const restricted = [
  permission,
  "--allow-fs-read=*",
  "--allow-fs-write=*",
  ...(known.has("--allow-net") ? ["--allow-net"] : []),
  "--no-warnings",
];

test("NFR-010 where Node refuses to flush files, a refreshed session and an event are stored all the same, and a logout is complete", async (t) => {
  const { saas, env } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const file = (await loginFile(env)) ?? "";
  const before = readFileSync(file);
  const run = async (args: string): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(t, args.split(" "), env, { nodeArgs: restricted });
    assert.deepEqual([code, withoutWaits(stderr)], [0, ""], args);
    return stdout.trim();
  };
  const token = await run("auth token");
  assert.equal(saas.counters.refreshes, 1);
  assert.equal((await storedSession(env))?.accessToken.reveal(), token);
  assert.notDeepEqual(readFileSync(file), before);
  await run(
    'sync emit WPStatusChanged --aggregate WP01 --payload {"wp_id":"WP01","from_lane":"planned","to_lane":"claimed"}',
  );
  assert.match(await run("sync status"), /1 event/);
  assert.match(await run("auth logout --all"), /No login is stored here/);
});

test("NFR-010 a file that cannot be flushed is opened so that each write waits for the disk", {
  skip: process.platform !== "linux" && "looks at /proc",
}, async (t) => {
  const path = join(scratchFolder(t), "file");
  const program = `
    import { readdirSync, readFileSync, readlinkSync } from "node:fs";
    import { reserveFile } from ${JSON.stringify(new URL("../../dist/platform/replace-file.js", import.meta.url).href)};
    const reservation = await reserveFile(${JSON.stringify(path)}, 10);
    const fd = readdirSync("/proc/self/fd").find((fd) => { try { return readlinkSync("/proc/self/fd/" + fd).endsWith(".tmp") } catch {} });
    process.stdout.write(/^flags:\\t(\\d+)/m.exec(readFileSync("/proc/self/fdinfo/" + fd, "utf8"))[1]);
    await reservation.commit("content");`;
  const flagsOf = (nodeArgs: readonly string[]): number =>
    parseInt(
      execFileSync(process.execPath, [...nodeArgs, "--input-type=module", "-e", program], { encoding: "utf8" }),
      8,
    );
  const dsync = 0o10000;
  assert.equal(flagsOf(restricted) & dsync, dsync);
  assert.equal(readFileSync(path, "utf8"), "content");
  assert.equal(flagsOf([]) & dsync, 0, "elsewhere it is flushed once, at its end");
});

test("a directory that the permission model closes is named, and nothing is reported as a defect", async (t) => {
  const { saas, env, folder } = await scene(t);
  await storeSession(saas, env, sessionOf(saas));
  const root = new URL("../..", import.meta.url).pathname;
  const { code, stderr } = await runCommand(t, ["auth", "token"], env, {
    nodeArgs: [permission, `--allow-fs-read=${root}`, "--no-warnings"],
  });
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`^error: cannot examine "${folder}/config" \\(ERR_ACCESS_DENIED\\)\\nhint: .*$`, "m"),
  );
});

for (const [flags, message, hint, skip] of [
  [
    restricted.filter((flag) => flag !== "--allow-net"),
    "the permission model of Node.js does not allow connections here",
    "Add --allow-net to the options of Node.js",
    !known.has("--allow-net") && "this Node does not restrict connections",
  ],
  [
    ["--jitless", "--no-warnings"],
    "fetch needs WebAssembly, and --jitless turns it off",
    "Run Node.js without --jitless",
    Number.parseInt(process.versions.node, 10) < 24 && "this Node ends when it loads its fetch",
  ],
] as const) {
  test(`a refresh under ${flags[0]} says which flag is in the way, and is not worth a retry`, { skip }, async (t) => {
    const { saas, env } = await scene(t);
    await storeSession(saas, env, sessionOf(saas));
    const runtime = [process.execPath, ...flags] as const;
    const { code, stderr } = await runCommand(t, ["auth", "token"], env, { runtime });
    assert.ok(stderr.endsWith(`error: ${message}\nhint: ${hint}\n`), stderr);
    assert.equal(code, 2);
    assert.equal(saas.count("/oauth/token"), 0);
  });
}

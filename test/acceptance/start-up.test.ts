import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { startFakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment, runCommand, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { keyInKeychain, sessionOf, storeSession } from "../helpers/stored-session.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** May only shrink. */
const mostFiles = 25;

/** The package's files loaded by a run, from V8's coverage. */
async function filesLoadedBy(
  t: TestContext,
  args: string[],
  env: CommandEnvironment,
  folder: string,
  processes = 1,
  options: { program?: string } = {},
): Promise<string[]> {
  const coverage = mkdtempSync(join(folder, "coverage-"));
  await runCommand(t, args, { ...env, NODE_V8_COVERAGE: coverage }, options);
  const reports = readdirSync(coverage);
  assert.ok(reports.length > 0 && reports.length <= processes, `${reports.length} processes`);
  return reports
    .flatMap(
      (report) => (JSON.parse(readFileSync(join(coverage, report), "utf8")) as { result: { url: string }[] }).result,
    )
    .filter(({ url }) => url.startsWith("file:"))
    .map(({ url }) => fileURLToPath(url))
    .filter(
      (path) =>
        path.startsWith(root) && !path.startsWith(join(root, "test")) && !path.includes(`${sep}node_modules${sep}`),
    )
    .map((path) => path.slice(root.length).replaceAll("\\", "/"))
    .sort();
}

test(`auth token with a good token loads at most ${mostFiles} of the package's files`, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, saas.url);
  await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
  const loaded = await filesLoadedBy(t, ["auth", "token"], env, folder);
  assert.ok(loaded.includes("dist/cli/commands/auth/token.js"), loaded.join("\n"));
  assert.ok(loaded.length <= mostFiles, `${loaded.length} files:\n${loaded.join("\n")}`);
});

test(`a program whose token is good loads no more for it than the command does, and nothing that logs in or refreshes`, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, saas.url);
  await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
  const program = join(folder, "program.mjs");
  writeFileSync(
    program,
    `import { createAuth } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
    const auth = createAuth({ name: "spec-kitty", version: "1.0.0", issuer: ${JSON.stringify(saas.url)} });
    if ((await auth.getToken()).token === "") throw new Error("no token");`,
  );
  const loaded = await filesLoadedBy(t, [], env, folder, 1, { program });
  assert.ok(loaded.includes("dist/app/create-auth.js"), loaded.join("\n"));
  assert.ok(loaded.length <= mostFiles, `${loaded.length} files:\n${loaded.join("\n")}`);
  assert.deepEqual(
    loaded.filter((path) => /login|flows|oauth|loopback|refresher|cli\//.test(path)),
    [],
  );
});

test(`auth status, whoami and git-credential load at most ${mostFiles + 5} of the package's files`, async (t) => {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, saas.url);
  await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
  for (const verb of ["status", "whoami", "git-credential get"]) {
    const loaded = await filesLoadedBy(t, ["auth", ...verb.split(" ")], env, folder);
    assert.ok(
      loaded.length > 20 && loaded.length <= mostFiles + 5,
      `${verb}, ${loaded.length} files:\n${loaded.join("\n")}`,
    );
  }
});

test("where the keychain has the key, a command starts to ask it before it loads the rest, and help and completion never do", async (t) => {
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, "https://service.example", { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  await keyInKeychain(env);
  const asks = "dist/auth/secure-storage/keychain-process.js";
  assert.ok((await filesLoadedBy(t, ["auth", "token"], env, folder, 2)).includes(asks));
  for (const args of [[], ["--help"], ["auth", "token", "--help"], ["help", "storage"], ["completion", "bash"]]) {
    assert.equal((await filesLoadedBy(t, args, env, folder)).includes(asks), false, args.join(" "));
  }
  assert.equal(
    (await filesLoadedBy(t, ["auth", "token"], { ...env, SPEC_KITTY_ACCESS_TOKEN: "at_1" }, folder)).includes(asks),
    false,
  );
});

test("where a part of the program is missing, as in a clone that was not built, the hint is to install or to build it", async (t) => {
  const folder = scratchFolder(t);
  for (const part of ["bin", "package.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  const env = commandEnvironment(folder, "https://service.example");
  const { code, stderr } = await runCommand(t, ["auth", "status"], env, {
    program: join(folder, "bin", "spec-kitty.js"),
  });
  assert.deepEqual(
    [code, stderr],
    [
      1,
      "error: cannot load the program (ERR_MODULE_NOT_FOUND)\nhint: Install it again; in a clone, build it: npm run build\n",
    ],
  );
});

test("with too few open files to load the program, that is one error and its remedy, and no stack trace", {
  skip: process.platform === "win32" && "there is no such limit",
}, async (t) => {
  const env = commandEnvironment(scratchFolder(t), "https://service.example");
  const limitedTo = (files: number): Promise<string> =>
    new Promise((resolve) => {
      const args = ["-c", `ulimit -c 0; ulimit -n ${files}; exec "$@"`, "sh", process.execPath, bin, "auth", "status"];
      execFile("sh", args, { env }, (_, __, stderr) => resolve(stderr));
    });
  const loaded = "hint: Run: spec-kitty auth login\n";
  const refused =
    "error: cannot load the program (EMFILE)\nhint: Close some programs, or raise the limit on open files\n";
  for (let files = 16, stderr = ""; stderr !== loaded; files += 1) {
    stderr = await limitedTo(files);
    // With less, Node itself does not start, or cannot open the file; Node 24 and 26 can load all if they can open that.
    if (/^(error|hint): /.test(stderr)) assert.ok([refused, loaded].includes(stderr), `${files} files: ${stderr}`);
    else assert.doesNotMatch(stderr, /dist\//, `${files} files`);
  }
});

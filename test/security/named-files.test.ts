// A cloned directory's replacements for files that a user names in it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readUserFile } from "../../src/platform/user-files.ts";
import { runHere } from "../helpers/command-here.ts";
import { runCommand, scratchFolder, startCommand, type CommandResult } from "../helpers/command.ts";
import { belongs, loggedInScene, queueFiles } from "../helpers/queue.ts";
import { echo, type Echo, type Scene } from "../helpers/scene.ts";

const links = { skip: process.platform === "win32" && "links need a right there" };
const here = { skip: process.platform !== "linux" && "the files are Linux's" };
const event = "sync emit WPCreated --aggregate WP01 --payload";

/** A login, a clone, and a user's secret outside of both. */
async function cloned(t: TestContext): Promise<Scene & { clone: string; secret: string }> {
  const at = await loggedInScene(t);
  const clone = join(at.folder, "clone");
  mkdirSync(join(clone, "docs"), { recursive: true });
  const secret = join(at.folder, "secret.json");
  writeFileSync(secret, '{"wp_id":"WP01","title":"hunter2","mission_slug":"login"}');
  return { ...at, clone: realpathSync(clone), secret: realpathSync(secret) };
}

/** Neither sent, queued, nor printed. */
function assertKept(at: Scene, { stderr }: CommandResult): void {
  assert.equal(at.saas.requests.length, 0);
  assert.deepEqual(queueFiles(at, /./), []);
  assert.doesNotMatch(stderr, /hunter2/);
}

for (const [what, target, error] of [
  [
    "the environment of the process",
    "/proc/self/environ",
    /"\S+\/docs\/spec\.md" is a link out of its directory, to "\/proc\/\d+\/environ"/,
  ],
  ["a device that never ends", "/dev/zero", /"\S+\/docs\/spec\.md" is a link out of its directory, to "\/dev\/zero"/],
] as const) {
  test(`S-016 a file of a clone that is a link to ${what} is not uploaded`, here, async (t) => {
    const at = await cloned(t);
    symlinkSync(target, join(at.clone, "docs", "spec.md"));
    const env = { ...at.env, AWS_SECRET_ACCESS_KEY: "hunter2" };
    const result = await runCommand(t, ["sync", "upload", "docs/spec.md", ...belongs.split(" ")], env, {
      cwd: at.clone,
    });
    assert.deepEqual([result.code, result.stdout], [2, ""]);
    assert.match(
      result.stderr,
      new RegExp(
        `^error: ${error.source}\nhint: Name its target: ${target === "/dev/zero" ? target : "/proc/\\d+/environ"}\n$`,
      ),
    );
    assertKept(at, result);
  });
}

test(
  "S-016 no option that takes a file follows a link out of the file's directory, and none waits for a pipe or a device",
  links,
  async (t) => {
    const at = await cloned(t);
    const name = (file: string): string => join(at.clone, file);
    symlinkSync(at.secret, name("link.json"));
    symlinkSync(at.folder, name("up"));
    execFileSync("mkfifo", [name("pipe.json")]);
    const lines = (file: string): string[][] => [
      ["sync", "upload", file, ...belongs.split(" ")],
      [...event.split(" "), `@${file}`],
      ["api", "POST", echo, "--input", file],
      ["api", "POST", echo, "-d", `@${file}`],
      ["api", "POST", echo, "-F", `a=@${file}`],
      ["tracker", "push", "--provider", "github", "--project", "p", "--items", `@${file}`],
      ["auth", "login", "--force", "--client-secret-file", file],
    ];
    for (const [file, error] of [
      [name("link.json"), /link\.json" is a link out of its directory, to "[^\n]+\/secret\.json"$/m],
      [name("up/secret.json"), /\/up" is a link out of its directory, to "[^\n]+"$/m],
      [name("pipe.json"), /pipe\.json" is not a regular file$/m],
      ["/dev/zero", /"\/dev\/zero" is not a regular file$/m],
      [name("docs"), /docs" is not a regular file$/m],
    ] as const) {
      for (const line of lines(file)) {
        const result = await runHere(line, at.env);
        assert.deepEqual([result.code, result.stdout], [2, ""], line.join(" "));
        assert.match(result.stderr, error);
        assert.match(result.stderr, /^hint: [^\n]+\n$/m);
        assertKept(at, result);
      }
    }
  },
);

test("a link that stays in its directory is followed, and so is one above the working directory", links, async (t) => {
  const at = await cloned(t);
  writeFileSync(join(at.clone, "docs", "plan.json"), '{"is":"the plan"}');
  symlinkSync("docs/plan.json", join(at.clone, "plan.json"));
  symlinkSync(at.clone, join(at.folder, "work"));
  const line = ["api", "POST", echo, "--input"];
  for (const file of ["plan.json", "docs/../plan.json", join(at.clone, "plan.json")]) {
    const { code, stdout, stderr } = await runCommand(t, [...line, file], at.env, { cwd: join(at.folder, "work") });
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as Echo).body, '{"is":"the plan"}');
  }
  // The hint's name works.
  symlinkSync(at.secret, join(at.clone, "link.json"));
  const { stderr } = await runHere([...line, join(at.clone, "link.json")], at.env);
  const [, named = ""] = /Name its target: (\S+)\n/.exec(stderr) ?? [];
  assert.equal((await runHere([...line, named], at.env)).code, 0);
});

test("S-016 a file is read up to the limit and no further, whatever size it claims", here, async (t) => {
  const at = await cloned(t);
  const long = join(at.clone, "long.md");
  writeFileSync(long, "");
  // Reading takes hours, and more memory than there is.
  truncateSync(long, 2 ** 40);
  for (const [args, most] of [
    [["sync", "upload", long, ...belongs.split(" ")], 524_288],
    [[...event.split(" "), `@${long}`], 16_777_216],
    [["api", "POST", echo, "--input", long], 268_435_456],
    [["auth", "login", "--force", "--client-secret-file", long], 65_536],
    // It claims to be empty.
    [["auth", "login", "--force", "--client-secret-file", "/proc/self/smaps"], 65_536],
  ] as const) {
    const result = await runHere(args, at.env);
    assert.deepEqual([result.code, result.stdout], [2, ""]);
    assert.match(
      result.stderr,
      new RegExp(`^error: [^\n]+ is longer than ${most} bytes, the maximum\nhint: [^\n]+\n$`),
    );
    assertKept(at, result);
  }
});

test("S-016 standard input is read up to the limit and no further", async (t) => {
  const at = await cloned(t);
  const { child, ended } = startCommand(t, [...event.split(" "), "@-"], at.env);
  const piece = Buffer.alloc(1024 * 1024, "x");
  const write = (): void => void child.stdin?.write(piece, (error) => error ?? write());
  write();
  const { code, stderr } = await ended;
  assert.equal(code, 2);
  assert.match(stderr, /^error: --payload: standard input is longer than 16777216 bytes, the maximum\nhint: [^\n]+\n$/);
});

test("S-016 no output goes through a link out of the file's directory", links, async (t) => {
  const at = await cloned(t);
  symlinkSync(at.secret, join(at.clone, "out.json"));
  symlinkSync(at.folder, join(at.clone, "up"));
  symlinkSync(join(at.folder, "new.json"), join(at.clone, "dangling.json"));
  const before = readdirSync(at.folder);
  for (const file of ["out.json", "up/secret.json", "up/new.json", "dangling.json"]) {
    for (const line of [
      ["api", echo, "-o"],
      ["sync", "now", "--report"],
    ]) {
      const { code, stdout, stderr } = await runHere([...line, join(at.clone, file)], at.env);
      assert.deepEqual([code, stdout], [2, ""], file);
      assert.match(
        stderr,
        file === "dangling.json"
          ? /^error: --\w+: cannot write "[^\n]+" \(ENOENT\)$/m
          : /^error: --\w+: "[^\n]+" is a link out of its directory/,
      );
    }
  }
  assert.match(readFileSync(at.secret, "utf8"), /hunter2/);
  assert.deepEqual(readdirSync(at.folder), before);
  assert.equal(at.saas.count(echo), 0);
  // A link that stays inside is followed, and is still there.
  symlinkSync("docs/answer.json", join(at.clone, "answer.json"));
  writeFileSync(join(at.clone, "docs", "answer.json"), "before");
  assert.equal((await runHere(["api", echo, "-o", join(at.clone, "answer.json")], at.env)).code, 0);
  assert.ok(lstatSync(join(at.clone, "answer.json")).isSymbolicLink());
  assert.equal((JSON.parse(readFileSync(join(at.clone, "docs", "answer.json"), "utf8")) as Echo).method, "GET");
});

test("S-016 a clone that root has made, as for the user of an image, is a clone all the same", {
  skip: process.geteuid?.() !== 0 && "needs root",
}, (t) => {
  const folder = scratchFolder(t);
  const clone = join(folder, "clone");
  mkdirSync(clone);
  for (const path of [folder, clone]) chmodSync(path, 0o755);
  symlinkSync("/etc/hostname", join(clone, "spec.md"));
  const own = process.geteuid?.() ?? assert.fail();
  process.seteuid?.(12345);
  try {
    assert.throws(
      () => readUserFile(join(clone, "spec.md"), 1024),
      /is a link out of its directory, to "\/etc\/hostname"/,
    );
  } finally {
    process.seteuid?.(own);
  }
});

test("S-005 what is written in the place of a file is as closed to others as that file was", {
  skip: process.platform === "win32" && "modes say nothing there",
}, async (t) => {
  const at = await cloned(t);
  const file = join(at.clone, "answer.json");
  writeFileSync(file, "");
  chmodSync(file, 0o600);
  assert.equal((await runHere(["api", echo, "-o", file], at.env)).code, 0);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.notEqual(readFileSync(file, "utf8"), "");
});

test(
  "S-016 a directory that another user exchanges for a link while a file in it is opened leads nowhere",
  here,
  async (t) => {
    const at = await cloned(t);
    const [docs, aside, theirs] = [join(at.clone, "docs"), join(at.clone, "aside"), join(at.folder, "theirs")];
    writeFileSync(join(docs, "spec.md"), "the plan");
    mkdirSync(theirs);
    writeFileSync(join(theirs, "spec.md"), "hunter2");
    const own = fs.lstatSync;
    t.after(() => {
      Object.assign(fs, { lstatSync: own });
      syncBuiltinESMExports();
    });
    // Between the last check of the path and its opening.
    const exchanging = (path: string, ...rest: []): fs.Stats => {
      const seen = own(path, ...rest);
      if (path === join(docs, "spec.md")) {
        renameSync(docs, aside);
        symlinkSync(theirs, docs);
      }
      return seen;
    };
    Object.assign(fs, { lstatSync: exchanging });
    syncBuiltinESMExports();
    assert.throws(() => readUserFile(join(docs, "spec.md"), 1024), /was replaced by "[^"]+\/theirs\/spec\.md"/);
  },
);

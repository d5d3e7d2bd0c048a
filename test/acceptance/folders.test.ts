import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { filesUnder, scene, type Scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

const unix = { skip: process.platform === "win32" && "modes, links and named pipes are another matter there" };
const asRoot = { skip: process.getuid?.() !== 0 && "needs root" };
const emit = `sync emit WPStatusChanged --aggregate WP01 --payload {"wp_id":"WP01","from_lane":"planned","to_lane":"claimed"}`;

test(
  "a login refuses a configuration directory below one that everybody can change, and asks the service nothing",
  unix,
  async (t) => {
    const { saas, env, folder, run, here } = await scene(t);
    const open = join(folder, "open");
    mkdirSync(open);
    symlinkSync(open, join(folder, "link"));
    chmodSync(open, 0o777);
    for (const place of [join(open, "mine"), join(open, "not", "yet", "there"), join(folder, "link", "mine")]) {
      const { code, stderr } = await (place === join(open, "mine") ? run : here)("auth login", {
        SPEC_KITTY_CONFIG_DIR: place,
      });
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        new RegExp(
          `^error: "(${open}|${folder}/link)" can be changed by everyone \\(mode 0777\\), so others could replace "[^"]+"\nhint: Run: chmod o-w \\S+\n$`,
        ),
      );
    }
    assert.deepEqual(readdirSync(open), []);
    assert.equal(saas.requests.length, 0);
    chmodSync(open, 0o1777);
    assert.equal(
      (await here("auth login", { SPEC_KITTY_CONFIG_DIR: join(open, "mine") })).code,
      0,
      "in a sticky folder nobody can replace it",
    );
    assert.ok(env["HOME"]);
  },
);

test("a login refuses a way to its directory that leads over a link of another user's", asRoot, async (t) => {
  const { folder, here, saas } = await scene(t);
  const [shared, mine] = [join(folder, "shared"), join(folder, "mine")];
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  mkdirSync(mine, { mode: 0o700 });
  symlinkSync(mine, join(shared, "link"));
  assert.equal(
    (await here("auth login", { SPEC_KITTY_CONFIG_DIR: join(shared, "link") })).code,
    0,
    "a link of one's own is one's own business",
  );
  lchownSync(join(shared, "link"), 12345, 12345);
  const requests = saas.requests.length;
  for (const place of [join(shared, "link"), join(shared, "link", "new")]) {
    const { code, stderr } = await here("auth login --force", { SPEC_KITTY_CONFIG_DIR: place });
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(
        `^error: "${shared}/link" belongs to another user \\(uid 12345\\), so others could replace "[^"]+"\nhint: `,
      ),
    );
  }
  assert.equal(saas.requests.length, requests);
});

test("root in another user's home creates nothing there", asRoot, async (t) => {
  const { env, folder, run, here, saas } = await scene(t);
  const home = join(folder, "home");
  mkdirSync(home);
  chownSync(home, 12345, 12345);
  // This process's home, from its real environment.
  const { HOME } = process.env;
  t.after(() => void (process.env["HOME"] = HOME ?? ""));
  process.env["HOME"] = home;
  const theirs = {
    HOME: home,
    SPEC_KITTY_CONFIG_DIR: undefined,
    XDG_RUNTIME_DIR: join(home, "run"),
    XDG_CONFIG_HOME: undefined,
  };
  for (const command of [
    "auth login",
    "auth login --headless",
    emit,
    "auth status",
    "auth token",
    "auth logout",
    "sync now",
    "auth doctor --repair",
  ]) {
    const { code, stderr } = await (command === emit ? run : here)(command, theirs);
    if (/login|emit/.test(command))
      assert.match(
        stderr,
        new RegExp(
          `^error: "${home}" belongs to another user \\(uid 12345\\)[^\n]*\nhint: Set SPEC_KITTY_CONFIG_DIR to a directory you own\n$`,
        ),
        `${command} ${code}`,
      );
    assert.deepEqual(readdirSync(home), [], command);
  }
  assert.equal(saas.requests.filter(({ path }) => !path.startsWith("/.well-known") && path !== "/api/v1/me").length, 0);
  // A directory of root's own in there is not refused: nobody else made it, though its owner could move it.
  assert.equal(
    (
      await here("auth login", {
        ...theirs,
        SPEC_KITTY_CONFIG_DIR: env["SPEC_KITTY_CONFIG_DIR"],
        XDG_RUNTIME_DIR: env["XDG_RUNTIME_DIR"],
      })
    ).code,
    0,
  );
  assert.deepEqual(readdirSync(home), []);
});

for (const [what, make] of [
  ["a file of the user's", (path: string) => writeFileSync(path, "precious", { mode: 0o600 })],
  ["a named pipe", (path: string) => void execFileSync("mkfifo", ["-m", "600", path])],
] as const) {
  test(
    `with ${what} in place of the configuration directory nothing waits, and nothing is advised that would change it`,
    unix,
    async (t) => {
      const { folder, run, here } = await scene(t);
      const path = join(folder, "it's mine");
      make(path);
      for (const command of [
        "auth login",
        "auth status",
        "auth token",
        "auth logout --all --force",
        emit,
        "sync now",
        "sync status",
        "auth list",
        "auth switch x --here",
        "auth doctor",
      ]) {
        for (const place of [path, join(path, "below")]) {
          const { code, stdout, stderr } = await (command === "auth status" ? run : here)(command, {
            SPEC_KITTY_CONFIG_DIR: place,
          });
          assert.notEqual(code, 0, `${command} ${place}`);
          const said = stdout + stderr;
          assert.doesNotMatch(said, /\b(mv|rm|chmod|chown)\b/, command);
          assert.match(said, /SPEC_KITTY_CONFIG_DIR|ls -ld '/, command);
        }
      }
      assert.deepEqual(
        readdirSync(folder).filter((name) => name !== "run"),
        [basename(path)],
      );
    },
  );
}

test("the doctor advises nothing for a directory that holds other things, or is another user's", unix, async (t) => {
  const { folder, here } = await scene(t);
  const shared = join(folder, "shared");
  mkdirSync(shared, { mode: 0o755 });
  writeFileSync(join(shared, "letters.txt"), "");
  const fixes = async (): Promise<string[]> =>
    (
      JSON.parse((await here("auth doctor --json", { SPEC_KITTY_CONFIG_DIR: shared })).stdout) as {
        findings: { fix?: string }[];
      }
    ).findings.flatMap(({ fix }) => fix ?? []);
  assert.ok((await fixes()).includes("Set SPEC_KITTY_CONFIG_DIR to a directory you own, for this program only"));
  assert.doesNotMatch((await fixes()).join("\n"), /\b(mv|rm|chmod|chown)\b/);
  if (process.getuid?.() !== 0) return;
  rmSync(join(shared, "letters.txt"));
  chownSync(shared, 12345, 12345);
  assert.doesNotMatch((await fixes()).join("\n"), /\b(mv|rm|chmod|chown)\b/);
});

/** With one event. */
async function queued(at: Scene): Promise<string> {
  await signIn(at.saas, at.env);
  assert.equal((await at.here(emit)).code, 0);
  const [name = assert.fail("nothing is queued")] = [...filesUnder(join(at.config, "queue")).keys()].filter((path) =>
    path.includes("events"),
  );
  return join(at.config, "queue", name);
}

for (const [what, spoil, message] of [
  [
    "that others can read",
    (path) => chmodSync(path, 0o644),
    /can be read by others \(mode 0644\): not trusted\nhint: Run: chmod 600 /,
  ],
  [
    "that is a link",
    (path) => (renameSync(path, `${path}.real`), symlinkSync(`${path}.real`, path)),
    /not trusted|ELOOP/,
  ],
  [
    "that is a named pipe",
    (path) => (rmSync(path), void execFileSync("mkfifo", ["-m", "600", path])),
    /is not a regular file: not trusted/,
  ],
  [
    "in a folder that others can change",
    (path) => chmodSync(dirname(path), 0o777),
    /can be changed by others \(mode 0777\): not trusted\nhint: Run: chmod 700 /,
  ],
  [
    "in a queue that others can change",
    (path) => chmodSync(join(path, "..", "..", ".."), 0o777),
    /queue" can be changed by others/,
  ],
  ...(process.getuid?.() === 0
    ? [
        [
          "of another user's",
          (path: string) => chownSync(path, 12345, 12345),
          /belongs to another user \(uid 12345\): not trusted/,
        ] as const,
      ]
    : []),
] as readonly (readonly [what: string, spoil: (path: string) => void, message: RegExp])[]) {
  test(`NFR-013 an event ${what} is not sent, and no further event is added to it`, unix, async (t) => {
    const at = await scene(t);
    const path = await queued(at);
    spoil(path);
    for (const command of ["sync now --strict", emit, "sync now --strict"]) {
      const { code, stderr } = await (what.includes("pipe") ? at.run : at.here)(command);
      assert.notEqual(code, 0, `${command}: ${stderr}`);
      assert.match(stderr, message, command);
    }
    assert.equal(at.saas.events.size, 0);
  });
}

test("no file of the queue has an email address in the clear", async (t) => {
  const at = await scene(t);
  const files = (): string => [...filesUnder(at.config).values()].map(String).join("\n");
  await at.here(emit);
  await at.here("auth login");
  await at.here(emit);
  assert.equal((await at.here("sync now")).code, 0);
  await at.here(emit);
  assert.doesNotMatch(files(), /alice@|%40|Alice/);
  assert.match(
    (await at.here("sync status")).stdout,
    /^ {2}alice@example\.com, tm_acme, /,
    "who is logged in is named all the same",
  );
});

test("S-005 the keys of two directories have different salts and nonces, so that one guess at a passphrase is not one at both", async (t) => {
  const sealed = async (): Promise<{ way: { salt: string }; wrapped: string }> => {
    const at = await scene(t, {}, { SPEC_KITTY_PASSPHRASE: "the same for both" });
    assert.equal((await at.here("auth login")).code, 0);
    type Keys = { slots: [{ way: { salt: string }; wrapped: string }] };
    return (JSON.parse(readFileSync(at.credentials, "utf8")) as Keys).slots[0];
  };
  const [one, other] = [await sealed(), await sealed()];
  assert.equal(Buffer.from(one.way.salt, "base64").length, 16);
  assert.notEqual(one.way.salt, other.way.salt);
  assert.notEqual(one.wrapped, other.wrapped);
});

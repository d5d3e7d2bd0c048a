import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { bin, nodeForAll, scratchFolder, typescript, type CommandEnvironment } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { examined, healthyScene, severities, type Examined } from "../helpers/doctor.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";

const unix = process.platform === "win32" ? { skip: "about modes and signals" } : {};
const linux = process.platform === "linux" ? {} : { skip: "about the lock of Linux" };

/** Everything below a directory with mode, size and time of change. */
function listing(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const { mode, size, mtimeMs, ino } = lstatSync(join(folder, name));
    return [name, mode, size, mtimeMs, ino].join(" ");
  });
}

test("a variable with the prefix of an author's tool may be the tool's own: it is noted, and nothing tells the author to unset it", async (t) => {
  const at = await healthyScene(t);
  const acme = { name: "acme", version: "1.0.0", issuer: at.saas.url };
  const env = { ...at.env, ACME_ISSUER: at.saas.url };
  const report = await examined(async (line) => runHere(line.split(" "), env, acme));
  assert.deepEqual(
    report.of("D104").map(({ severity, fix }) => [severity, fix]),
    [["note", undefined]],
  );
});

test("without --repair nothing is changed on disk", async (t) => {
  const at = await healthyScene(t);
  writeFileSync(join(at.config, `.keys.${await deadPid()}.0123456789ab.tmp`), "x", { mode: 0o600 });
  const before = listing(at.folder);
  await examined(at.here);
  assert.deepEqual(listing(at.folder), before);
  assert.equal(
    at.saas.requests.every(({ headers }) => headers.authorization === undefined),
    true,
    "and no token was sent",
  );
});

test("S-005 the doctor prints no secret: no token, passphrase, key or credentials of a proxy", async (t) => {
  const at = await healthyScene(t);
  const more = {
    SPEC_KITTY_ACCESS_TOKEN: "hidden-token",
    SPEC_KITTY_PASSPHRASE: "hidden-passphrase",
    SPEC_KITTY_ACCES_TOKEN: "hidden-mistyped",
    HTTPS_PROXY: "http://me:hidden-proxy@127.0.0.1:9",
    HTTP_PROXY: "http://me:hidden-proxy@127.0.0.1:9",
  };
  for (const service of [at.saas.url, "https://service.example"]) {
    for (const args of ["auth doctor --verbose", "auth doctor --json", "auth doctor --verbose --debug"]) {
      const { stdout, stderr } = await at.here(args, { ...more, SPEC_KITTY_SAAS_URL: service });
      assert.match(stdout, /SPEC_KITTY_PASSPHRASE is set/);
      assert.doesNotMatch(stdout + stderr, /hidden/);
      // A separate process would know fewer secrets to replace: here none may need it.
      assert.doesNotMatch(stdout + stderr, /\[secret\]/);
      for (const secret of at.saas.issued.keys()) assert.ok(!(stdout + stderr).includes(secret));
    }
  }
});

test("without a token, not being logged in is a warning with the command to paste, and a missing service is critical", async (t) => {
  const at = await scene(t);
  const report = await examined(at.here);
  assert.equal(report.code, 0);
  assert.deepEqual(report.of("D301"), [
    {
      number: "D301",
      severity: "warning",
      subject: "session",
      sentence: 'not logged in (profile "default")',
      fix: "spec-kitty auth login",
    },
  ]);
  assert.equal(existsSync(at.config), false, "and nothing was created");
  const given = await at.here("auth doctor", {
    SPEC_KITTY_ACCESS_TOKEN: at.saas.issue({ user: "alice" }).access_token,
  });
  assert.match(given.stdout, /· D301 .* not logged in \(profile "default"\)$/m, "with a token, no login is needed");
  assert.doesNotMatch(given.stdout, /auth login/);
  assert.deepEqual(severities(await examined(at.here, { SPEC_KITTY_SAAS_URL: undefined }), "critical"), ["D102"]);
});

test("each setting is reported with its source, and so is a variable that does not exist", async (t) => {
  const at = await healthyScene(t);
  assert.match((await examined(at.here)).of("D102")[0]?.sentence ?? "", /^http:\S+, from SPEC_KITTY_SAAS_URL$/);
  const remembered = await examined(at.here, { SPEC_KITTY_SAAS_URL: undefined, SPEC_KITTY_SAS_URL: "x" });
  assert.match(remembered.of("D102")[0]?.sentence ?? "", /^http:\S+, saved in profile "default"$/);
  const [unknown] = remembered.of("D104");
  assert.deepEqual([unknown?.subject, unknown?.fix], ["unknown variable", "unset SPEC_KITTY_SAS_URL"]);
  const other = await examined(at.here, { SPEC_KITTY_SAAS_URL: "http://127.0.0.1:9" });
  assert.equal(other.of("D102")[0]?.severity, "warning");
  const [named] = (await examined(at.here, {}, " --profile default")).of("D101");
  assert.deepEqual([named?.severity, named?.sentence], ["ok", '"default", named by --profile']);
  const [mistyped] = (await examined(at.here, { SPEC_KITTY_PROFILE: "wrok" })).of("D101");
  assert.deepEqual(
    [mistyped?.severity, mistyped?.sentence, mistyped?.fix],
    [
      "warning",
      'there is no profile "wrok", named by SPEC_KITTY_PROFILE',
      "Use one of: default. To create it: spec-kitty auth login --profile wrok",
    ],
  );
});

test("a login that has expired, or is about to, is a warning", async (t) => {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs: -1000 });
  const until = async (days: number): Promise<Examined> => {
    await storeSession(at.saas, at.env, {
      ...session,
      refreshTokenExpiresAt: new Date(Date.now() + days * 86_400_000).toISOString(),
    });
    return examined(at.here);
  };
  assert.deepEqual((await until(2)).of("D303")[0]?.fix, "spec-kitty auth login --force");
  const over = await until(-1);
  assert.deepEqual(severities(over, "warning"), ["D301", "D303"]);
  assert.deepEqual(severities(await until(4), "warning"), []);
});

test("an account of an issuer that names no user is called as everywhere else, not by a random id", async (t) => {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs: 60_000 });
  await storeSession(at.saas, at.env, {
    ...session,
    user: { id: "c0ffee", name: "https://login.example (repo)", isUnnamed: true },
  });
  assert.match((await examined(at.here)).of("D301")[0]?.sentence ?? "", /^https:\/\/login\.example \(repo\)/);
});

test("a file that others can read is critical, and the suggested command fixes it", unix, async (t) => {
  const at = await healthyScene(t);
  chmodSync(at.credentials, 0o644);
  const report = await examined(at.here);
  assert.deepEqual(severities(report, "critical"), ["D401", "D403"]);
  const fix = report.of("D403")[0]?.fix ?? "";
  assert.equal(fix, `chmod 600 ${at.credentials}`);
  await once(spawn("sh", ["-c", fix]), "close");
  assert.equal((await examined(at.here)).code, 0);
});

test("what the command writes for kubectl, or unpacks, is not foreign in the directory; a file of another program is", async (t) => {
  const at = await healthyScene(t);
  const info = {
    apiVersion: "client.authentication.k8s.io/v1",
    spec: { cluster: { server: "https://cluster.example" } },
  };
  const asked = { KUBERNETES_EXEC_INFO: JSON.stringify({ kind: "ExecCredential", ...info }) };
  assert.equal((await at.here("auth exec-credential --cluster https://cluster.example", asked)).code, 0);
  // Only a single executable writes it.
  writeFileSync(join(at.config, "keyring.node"), "", { mode: 0o600 });
  assert.deepEqual(readdirSync(at.config), ["exec-credential.json", "keyring.node", "keys", "sessions"]);
  const own = await examined(at.here);
  assert.deepEqual([own.of("D402")[0]?.severity, own.of("D405").length], ["ok", 1]);
  writeFileSync(join(at.config, "notes.txt"), "");
  const mixed = await examined(at.here);
  assert.match(mixed.of("D402")[0]?.sentence ?? "", /contains files of other programs, such as notes\.txt$/);
  assert.equal(mixed.of("D405").length, 0);
});

test(
  "a directory that others can change is critical; one that they can list is a warning, and so are open files in it",
  unix,
  async (t) => {
    const at = await healthyScene(t);
    mkdirSync(join(at.config, "queue"), { mode: 0o700 });
    writeFileSync(join(at.config, "queue", "event"), "");
    // Not with `mode`, which the umask reduces.
    chmodSync(join(at.config, "queue", "event"), 0o644);
    chmodSync(at.config, 0o755);
    assert.deepEqual(severities(await examined(at.here), "critical", "warning"), ["D402", "D404"]);
    chmodSync(at.config, 0o777);
    const report = await examined(at.here);
    assert.deepEqual(severities(report, "critical"), ["D401", "D402"]);
    assert.equal(report.of("D402")[0]?.fix, `chmod 700 ${at.config}`);
  },
);

test(
  "a directory above that others can change is a warning, through links too; a sticky one or one of the user's own group is not",
  unix,
  async (t) => {
    const at = await healthyScene(t);
    const above = async (more: CommandEnvironment = {}): Promise<[severity: string, sentence: string][]> =>
      (await examined(at.here, more)).of("D406").map(({ severity, sentence }) => [severity, sentence]);
    const safe = [["ok", "no one else can change them"]];
    assert.deepEqual(await above(), safe);
    chmodSync(at.folder, 0o1777);
    assert.deepEqual(await above(), safe);

    chmodSync(at.folder, 0o777);
    const report = await examined(at.here);
    assert.deepEqual([report.code, severities(report, "warning")], [0, ["D406"]]);
    const [{ sentence, fix = "" } = { sentence: "" }] = report.of("D406");
    assert.equal(sentence, `${at.folder} can be changed by others (mode 0777), so others could replace it`);
    const elsewhere = scratchFolder(t);
    symlinkSync(at.config, join(elsewhere, "link"));
    assert.deepEqual(await above({ SPEC_KITTY_CONFIG_DIR: join(elsewhere, "link") }), [["warning", sentence]]);
    await once(spawn("sh", ["-c", fix]), "close");
    assert.deepEqual(await above(), safe);
    chmodSync(elsewhere, 0o777);
    assert.match(
      (await above({ SPEC_KITTY_CONFIG_DIR: join(elsewhere, "link") }))[0]?.[1] ?? "",
      new RegExp(`^${elsewhere} can be changed`),
    );
  },
);

/** A copy of the command, and a Node, that other users can start although the package's directory is closed. */
function openToAll(t: TestContext): { node: string; program: string } {
  const folder = scratchFolder(t);
  const root = dirname(dirname(bin));
  for (const name of ["package.json", "bin", "dist"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  const node = nodeForAll(t);
  execFileSync("chmod", ["-R", "a+rX", folder]);
  return { node, program: pathToFileURL(join(folder, "dist", "cli", "main.js")).href };
}

test("a directory above that a group can change is a warning unless the group is the user's own; another user's always is", {
  skip: process.getuid?.() !== 0 && "needs root",
}, async (t) => {
  const { node, program } = openToAll(t);
  const rows: [uid: number, gid: number, mode: number][] = [
    [1, 1, 0o2775],
    [0, 0, 0o775],
    [1, 12345, 0o770],
    [0, 12345, 0o775],
    [12345, 1, 0o1755],
  ];
  const places = await Promise.all(
    rows.map(async ([uid, gid, mode]) => {
      const at = await scene(t);
      mkdirSync(at.config, { mode: 0o700 });
      chownSync(at.config, 1, 1);
      chownSync(at.folder, uid, gid);
      chmodSync(at.folder, mode);
      return at;
    }),
  );
  const code = `
    const { createCommand } = await import(${JSON.stringify(program)});
    for (const env of ${JSON.stringify(places.map(({ env }) => env))}) {
      await createCommand({ name: "spec-kitty", version: "1.0.0", issuer: undefined, env }).run(["auth", "doctor", "--json"]);
      process.stdout.write("\\0");
    }`;
  // User and group 1 have the same name everywhere.
  const child = spawn(node, ["--input-type=module", "-e", code], { env: {}, cwd: "/", uid: 1, gid: 1 });
  const reports = (await text(child.stdout))
    .split("\0")
    .slice(0, -1)
    .map((report) => JSON.parse(report) as JsonOutput["auth doctor"]);
  const found = reports.map(({ findings }, index) =>
    findings
      .filter(({ number }) => number === "D406")
      .map(({ severity, sentence, fix = "" }) =>
        `${severity}: ${sentence}; ${fix}`.replaceAll(places[index]?.folder ?? "", "DIRECTORY"),
      ),
  );
  const danger = "so others could replace it";
  assert.deepEqual(found, [
    ["ok: no one else can change them; "],
    ["ok: no one else can change them; "],
    [`warning: DIRECTORY can be changed by others (mode 0770), ${danger}; chmod go-w DIRECTORY`],
    [`warning: DIRECTORY can be changed by others (mode 0775), ${danger}; sudo chmod +t DIRECTORY`],
    [`warning: DIRECTORY belongs to another user (uid 12345), ${danger}; export SPEC_KITTY_CONFIG_DIR=…`],
  ]);
});

test("a damaged file, a link in its place and a newer format are findings, not crashes", unix, async (t) => {
  const at = await healthyScene(t);
  const text = readFileSync(at.credentials, "utf8");
  const damaged = [
    text.slice(0, 100),
    "",
    text.replace(/"wrapped": "./, '"wrapped": "!'),
    text.replace('"version": 1', '"version": 9'),
  ];
  for (const content of damaged) {
    writeFileSync(at.credentials, content);
    const report = await examined(at.here);
    assert.deepEqual(severities(report, "critical"), ["D401"]);
    assert.ok(report.of("D401")[0]?.fix);
    assert.equal(report.of("D301").length, 0, "nothing is known of the session");
  }
  rmSync(at.credentials);
  symlinkSync("/etc/passwd", at.credentials);
  assert.deepEqual(severities(await examined(at.here), "critical"), ["D401", "D403"]);
});

const helper = fileURLToPath(new URL("../acceptance/process-lock-helper.ts", import.meta.url));

/** Takes the lock: `exit` ends with it, `hold` keeps it until a line comes. */
function locker(t: TestContext, task: "hold" | "exit", path: string): ReturnType<typeof spawn> {
  const child = spawn(process.execPath, [...typescript, helper, task, path], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => void child.kill("SIGKILL"));
  return child;
}

test(
  "the lock of a dead process is a warning, and --repair removes it, under its earlier name --unstick too",
  linux,
  async (t) => {
    const at = await healthyScene(t);
    const lock = join(at.config, "profiles.lock");
    const child = locker(t, "exit", lock);
    await once(child, "close");
    const before = listing(at.config);
    const report = await examined(at.here);
    assert.match(
      report.of("D501")[0]?.sentence ?? "",
      new RegExp(`^process ${child.pid} on ".+" has held "profiles\\.lock" since \\d{4}-.+Z, and is dead`),
    );
    assert.equal(report.of("D501")[0]?.severity, "warning");
    assert.equal(report.of("D501")[0]?.fix, "spec-kitty auth doctor --repair");
    assert.deepEqual(listing(at.config), before);

    const repaired = await examined(at.here, {}, " --unstick");
    assert.match(
      repaired.of("D501")[0]?.sentence ?? "",
      /^removed "profiles\.lock": process \d+ on ".+" had held it since/,
    );
    assert.deepEqual(readdirSync(at.config), ["keys", "sessions"]);
    assert.equal((await examined(at.here)).of("D501")[0]?.sentence, "none is held");
  },
);

test(
  "the lock of a living process is reported with its holder, stopped or not, and --repair leaves it",
  linux,
  async (t) => {
    const at = await healthyScene(t);
    mkdirSync(join(at.config, "queue", "alice"), { recursive: true, mode: 0o700 });
    const child = locker(t, "hold", join(at.config, "queue", "alice", "drain.lock"));
    const lines = createInterface(child.stdout ?? process.stdin)[Symbol.asyncIterator]();
    await lines.next();
    const report = await examined(at.here, {}, " --repair");
    assert.match(
      report.of("D501")[0]?.sentence ?? "",
      new RegExp(`^process ${child.pid} .* has held "queue/alice/drain\\.lock" since .*, and is running$`),
    );
    assert.equal(report.of("D501")[0]?.severity, "note");
    child.kill("SIGSTOP");
    assert.equal((await examined(at.here, {}, " --repair")).of("D501")[0]?.fix, `kill -CONT ${child.pid}`);
    child.kill("SIGCONT");
    child.stdin?.write("\n");
    assert.equal((await lines.next()).value, "still true");
  },
);

test(
  "--repair removes what killed processes left next to a lock and next to the file, and leaves what a living writer has",
  linux,
  async (t) => {
    const at = await healthyScene(t);
    const mine = `.keys.${process.ppid}.0123456789ab.tmp`;
    const dead = `.keys.${await deadPid()}.0123456789ab.tmp`;
    for (const name of [mine, dead]) writeFileSync(join(at.config, name), "", { mode: 0o600 });
    const holder = locker(t, "hold", join(at.config, "profiles.lock"));
    await once(holder.stdout ?? holder, "data");
    mkdirSync(join(at.config, "profiles.lock.0123456789abcdef"), { mode: 0o700 });

    const report = await examined(at.here);
    assert.equal(report.of("D405")[0]?.sentence, `a killed process left ${dead}`);
    assert.deepEqual(
      report.of("D501").map(({ severity }) => severity),
      ["note"],
    );
    const repaired = await examined(at.here, {}, " --repair");
    assert.equal(repaired.of("D405")[0]?.sentence, `removed those of a killed process: ${dead}`);
    const left = readdirSync(at.config).filter((entry) => !/^profiles\.lock\.[0-9a-f]{16}\.[0-9a-f]+$/.test(entry));
    assert.deepEqual(left.sort(), [mine, "keys", "profiles.lock", "sessions"], "and the socket of the living one");
  },
);

/** Of an ended process. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "close");
  return child.pid ?? 0;
}

test("a clock that is minutes off is reported with its direction", async (t) => {
  const at = await healthyScene(t, { clockOffsetMs: 300_000 });
  const behind = (await examined(at.here)).of("D206")[0];
  assert.equal(behind?.severity, "warning");
  assert.match(behind.sentence, /^the clock of this machine is (299|300|301) s behind the service's/);
  at.saas.clockOffsetMs = -300_000;
  assert.match(
    (await examined(at.here)).of("D206")[0]?.sentence ?? "",
    /^the clock of this machine is (299|300|301) s ahead of the service's/,
  );
});

test("the way to the service ends at the step that fails", async (t) => {
  const at = await scene(t);
  const steps = ({ findings }: JsonOutput["auth doctor"]): string[] =>
    findings.filter(({ number }) => number.startsWith("D2")).map(({ number, severity }) => `${number} ${severity}`);

  const nowhere = await examined(at.here, { SPEC_KITTY_SAAS_URL: "https://service.invalid" });
  assert.deepEqual(steps(nowhere), ["D201 ok", "D202 critical"]);
  assert.match(
    nowhere.of("D202")[0]?.sentence ?? "",
    /^"service\.invalid" has no IP address \((ENOTFOUND|EAI_AGAIN)\)$/,
  );

  await at.saas.stop();
  const closed = await examined(at.here);
  assert.deepEqual(steps(closed), ["D201 ok", "D202 ok", "D203 critical"]);
  assert.match(closed.of("D203")[0]?.sentence ?? "", /^cannot connect to "127\.0\.0\.1", port \d+ \(ECONNREFUSED\)$/);
  await at.saas.start();

  const answers: [fault: Parameters<Scene["saas"]["faults"]["next"]>[1], severity: string, sentence: RegExp][] = [
    [{ status: 503 }, "critical", /returned 503$/],
    [
      { status: 302, headers: { Location: "https://portal.example/sign-in?secret" } },
      "warning",
      /redirects to https:\/\/portal\.example: /,
    ],
    [{ status: 200, body: "<html>" }, "warning", /returned 200 to a request without a token, not 401/],
    [{ reset: "before" }, "critical", /does not respond/],
  ];
  for (const [fault, severity, sentence] of answers) {
    at.saas.faults.next("/api/v1/me", fault);
    const found = (await examined(at.here)).of("D205")[0];
    assert.equal(found?.severity, severity);
    assert.match(found.sentence, sentence);
  }
  at.saas.faults.next("/api/v1/me", { status: 200, body: "<html>" });
  const [other] = (await examined(at.here)).of("D205");
  assert.equal(other?.fix, "Check the URL of the service: spec-kitty auth status");
});

test("on a machine where nothing opens a browser, the programs that were looked for are named", unix, async (t) => {
  const at = await healthyScene(t);
  const found = (await examined(at.here)).of("D702")[0];
  assert.equal(found?.sentence, `${at.env["BROWSER"]} opens URLs`);
  const none = (await examined(at.here, { BROWSER: "/nowhere/browser", PATH: "/nowhere" })).of("D702")[0];
  assert.equal(none?.severity, "warning");
  assert.match(none.sentence, /^no program that opens a browser was found; looked for: \/nowhere\/browser, /);
  assert.equal(none.fix, "spec-kitty auth login --no-browser");
});

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { SealedFile } from "../../src/auth/secure-storage/sealed-file.ts";
import type { DoctorReport } from "../../src/cli/json-output.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { bin, scratchFolder, startCommand, typescript, type CommandEnvironment } from "../helpers/command.ts";
import { startProxy } from "../helpers/proxy.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession, type SessionOptions } from "../helpers/stored-session.ts";

const unix = process.platform === "win32" ? { skip: "about modes and signals" } : {};
const linux = process.platform === "linux" ? {} : { skip: "about the lock of Linux" };

type Finding = DoctorReport["findings"][number];

interface Examined extends DoctorReport {
  code: number | null;
  stdout: string;
  /** The findings of one number. */
  of(number: string): Finding[];
}

async function examine(at: Scene, more: CommandEnvironment = {}, args = ""): Promise<Examined> {
  const { code, stdout, stderr } = await at.run(`auth doctor --json${args}`, more);
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as DoctorReport;
  assert.equal(code, report.critical === 0 ? 0 : 1, "the exit code says whether something is critical");
  return { ...report, code, stdout, of: (number) => report.findings.filter((finding) => finding.number === number) };
}

async function loggedIn(t: TestContext, options: Partial<FakeOptions> = {}, session: SessionOptions = {}): Promise<Scene> {
  const at = await scene(t, options);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000, ...session }));
  return at;
}

function severities({ findings }: DoctorReport, ...severities: string[]): string[] {
  return findings.filter(({ severity }) => severities.includes(severity)).map(({ number }) => number);
}

/** Everything below a folder with its mode, its size and when it was last changed. */
function listing(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const { mode, size, mtimeMs, ino } = lstatSync(join(folder, name));
    return [name, mode, size, mtimeMs, ino].join(" ");
  });
}

test("a healthy login has no critical finding, and each number is about one subject", async (t) => {
  const at = await loggedIn(t);
  const report = await examine(at);
  assert.equal(report.code, 0);
  assert.deepEqual(severities(report, "critical", "warning"), []);
  for (const number of ["D101", "D102", "D103", "D201", "D202", "D203", "D205", "D206", "D301", "D302", "D303", "D401", "D402", "D403", "D404", "D405", "D501", "D601", "D701", "D702", "D703", "D704"]) {
    assert.ok(report.of(number).length > 0, `${number} is missing`);
  }
  for (const { number, subject } of report.findings) assert.deepEqual([...new Set(report.of(number).map((finding) => finding.subject))], [subject]);
  const numbers = report.findings.map(({ number }) => number);
  assert.deepEqual(numbers, [...numbers].sort(), "in the order of their numbers");
  assert.match(report.of("D401")[0]?.sentence ?? "", /credentials\.json, sealed with a secret that only your user can read/);

  const { code, stdout } = await at.run("auth doctor");
  assert.equal(code, 0);
  assert.match(stdout, /^✓ D101 profile +"default", the active one\n/m);
  assert.match(stdout, /\nNo problems found\.\n$/);
});

test("what matters most comes first, in color; one cause counts once, and the last line is what to try first", unix, async (t) => {
  const at = await loggedIn(t);
  chmodSync(at.credentials, 0o644);
  const { code, stdout } = await at.run("auth doctor", { FORCE_COLOR: "1" });
  assert.equal(code, 1);
  const marks = stdout.split("\n").flatMap((line) => /^\u001b\[(\d+)m(.)\u001b\[0m (D\d+)/.exec(line)?.slice(1, 3).join("") ?? []);
  assert.deepEqual(marks.map((mark) => ["31✗", "33!", "2·", "32✓"].indexOf(mark)), marks.map((mark) => ["31✗", "33!", "2·", "32✓"].indexOf(mark)).sort());
  assert.equal(marks.filter((mark) => mark === "31✗").length, 2, "the sessions cannot be read, and why");
  assert.equal(stdout.match(/fix: .*chmod/g)?.length, 1);
  assert.ok(stdout.endsWith(`\nCritical: 1. Warnings: 0.\nTry first: chmod 600 ${at.credentials}\n`), stdout);
});

test("the JSON has a schema version and stable members", async (t) => {
  const report = JSON.parse((await (await loggedIn(t)).run("auth doctor --json")).stdout) as DoctorReport;
  assert.deepEqual(Object.keys(report), ["schemaVersion", "healthy", "critical", "warnings", "findings"]);
  assert.equal(report.schemaVersion, 1);
  for (const finding of report.findings) {
    assert.deepEqual(Object.keys(finding).filter((key) => key !== "fix"), ["number", "severity", "subject", "sentence"]);
    assert.match(finding.number, /^D\d{3}$/);
    assert.match(finding.severity, /^(ok|note|warning|critical)$/);
  }
});

test("without --repair nothing is changed on disk", async (t) => {
  const at = await loggedIn(t);
  writeFileSync(join(at.config, `.credentials.json.${await deadPid()}.0123456789ab.tmp`), "x", { mode: 0o600 });
  const before = listing(at.folder);
  await examine(at);
  assert.deepEqual(listing(at.folder), before);
  assert.equal(at.saas.requests.every(({ headers }) => headers.authorization === undefined), true, "and no token was sent");
});

test("S-005 the doctor prints no secret: no token, passphrase, key or credentials of a proxy", async (t) => {
  const at = await loggedIn(t);
  const more = {
    SPEC_KITTY_ACCESS_TOKEN: "hidden-token",
    SPEC_KITTY_PASSPHRASE: "hidden-passphrase",
    SPEC_KITTY_ACCES_TOKEN: "hidden-mistyped",
    HTTPS_PROXY: "http://me:hidden-proxy@127.0.0.1:9",
    HTTP_PROXY: "http://me:hidden-proxy@127.0.0.1:9",
  };
  for (const service of [at.saas.url, "https://service.example"]) {
    for (const args of ["auth doctor", "auth doctor --json", "auth doctor --debug"]) {
      const { stdout, stderr } = await at.run(args, { ...more, SPEC_KITTY_SAAS_URL: service });
      assert.match(stdout, /SPEC_KITTY_PASSPHRASE is set/);
      assert.doesNotMatch(stdout + stderr, /hidden/);
      for (const secret of at.saas.issued.keys()) assert.ok(!(stdout + stderr).includes(secret));
    }
  }
});

test("not being logged in is a warning with the command to paste, and a missing service is critical", async (t) => {
  const at = await scene(t);
  const report = await examine(at);
  assert.equal(report.code, 0);
  assert.deepEqual(report.of("D301"), [{ number: "D301", severity: "warning", subject: "session", sentence: 'not logged in (profile "default")', fix: "spec-kitty auth login" }]);
  assert.equal(existsSync(at.config), false, "and nothing was created");
  assert.deepEqual(severities(await examine(at, { SPEC_KITTY_SAAS_URL: undefined }), "critical"), ["D102"]);
});

test("each setting is reported with its source, and so is a variable that does not exist", async (t) => {
  const at = await loggedIn(t);
  assert.match((await examine(at)).of("D102")[0]?.sentence ?? "", /^http:\S+, from SPEC_KITTY_SAAS_URL$/);
  const remembered = await examine(at, { SPEC_KITTY_SAAS_URL: undefined, SPEC_KITTY_SAS_URL: "x" });
  assert.match(remembered.of("D102")[0]?.sentence ?? "", /^http:\S+, remembered by profile "default"$/);
  assert.equal(remembered.of("D104")[0]?.fix, "unset SPEC_KITTY_SAS_URL");
  const other = await examine(at, { SPEC_KITTY_SAAS_URL: "http://127.0.0.1:9" });
  assert.equal(other.of("D102")[0]?.severity, "warning");
  assert.match((await examine(at, {}, " --profile work")).of("D101")[0]?.sentence ?? "", /^"work", named by --profile/);
});

test("a login that has expired, or is about to, is a warning", async (t) => {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs: -1000 });
  const until = async (days: number): Promise<Examined> => {
    await storeSession(at.saas, at.env, { ...session, refreshTokenExpiresAt: new Date(Date.now() + days * 86_400_000).toISOString() });
    return examine(at);
  };
  assert.deepEqual((await until(2)).of("D303")[0]?.fix, "spec-kitty auth login --force");
  const over = await until(-1);
  assert.deepEqual(severities(over, "warning"), ["D301", "D303"]);
  assert.deepEqual(severities(await until(4), "warning"), []);
});

test("a file that others can read is critical, and the suggested command fixes it", unix, async (t) => {
  const at = await loggedIn(t);
  chmodSync(at.credentials, 0o644);
  const report = await examine(at);
  assert.deepEqual(severities(report, "critical"), ["D401", "D403"]);
  const fix = report.of("D403")[0]?.fix ?? "";
  assert.equal(fix, `chmod 600 ${at.credentials}`);
  await once(spawn("sh", ["-c", fix]), "close");
  assert.equal((await examine(at)).code, 0);
});

test("a folder that others can change is critical; one that they can list is a warning, and so are open files in it", unix, async (t) => {
  const at = await loggedIn(t);
  mkdirSync(join(at.config, "queue"), { mode: 0o700 });
  writeFileSync(join(at.config, "queue", "event"), "", { mode: 0o644 });
  chmodSync(at.config, 0o755);
  assert.deepEqual(severities(await examine(at), "critical", "warning"), ["D402", "D404"]);
  chmodSync(at.config, 0o777);
  const report = await examine(at);
  assert.deepEqual(severities(report, "critical"), ["D401", "D402"]);
  assert.equal(report.of("D402")[0]?.fix, `chmod 700 ${at.config}`);
});

test("a folder above that others can change is a warning, through links too; a sticky one or one of the user's own group is not", unix, async (t) => {
  const at = await loggedIn(t);
  const above = async (more: CommandEnvironment = {}): Promise<[severity: string, sentence: string][]> =>
    (await examine(at, more)).of("D406").map(({ severity, sentence }) => [severity, sentence]);
  const safe = [["ok", "nobody else can change them"]];
  assert.deepEqual(await above(), safe);
  chmodSync(at.folder, 0o1777);
  assert.deepEqual(await above(), safe);

  chmodSync(at.folder, 0o777);
  const report = await examine(at);
  assert.deepEqual([report.code, severities(report, "warning")], [0, ["D406"]]);
  const [{ sentence, fix = "" } = { sentence: "" }] = report.of("D406");
  assert.equal(sentence, `${at.folder} can be changed by others (mode 0777), who could put another folder in its place`);
  const elsewhere = scratchFolder(t);
  symlinkSync(at.config, join(elsewhere, "link"));
  assert.deepEqual(await above({ SPEC_KITTY_CONFIG_DIR: join(elsewhere, "link") }), [["warning", sentence]]);
  await once(spawn("sh", ["-c", fix]), "close");
  assert.deepEqual(await above(), safe);
  chmodSync(elsewhere, 0o777);
  assert.match((await above({ SPEC_KITTY_CONFIG_DIR: join(elsewhere, "link") }))[0]?.[1] ?? "", new RegExp(`^${elsewhere} can be changed`));
});

/** A copy of the command, and a Node, that another user can start although the folder of this package is closed to others. */
function openToAll(t: TestContext): { node: string; program: string } {
  const folder = scratchFolder(t);
  const root = dirname(dirname(bin));
  for (const name of ["package.json", "bin", "dist"]) cpSync(join(root, name), join(folder, name), { recursive: true });
  const isOpen = (path: string): boolean => (statSync(path).mode & 0o001) !== 0 && (path === dirname(path) || isOpen(dirname(path)));
  const node = isOpen(process.execPath) ? process.execPath : join(folder, "node");
  if (node !== process.execPath) cpSync(process.execPath, node);
  execFileSync("chmod", ["-R", "a+rX", folder]);
  return { node, program: join(folder, "bin", basename(bin)) };
}

test("a folder above that a group can change is a warning unless the group is the user's own; another user's always is", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
  const { node, program } = openToAll(t);
  const above = async (uid: number, gid: number, mode: number): Promise<string[]> => {
    const at = await scene(t);
    mkdirSync(at.config, { mode: 0o700 });
    chownSync(at.config, 1, 1);
    chownSync(at.folder, uid, gid);
    chmodSync(at.folder, mode);
    // User and group 1 have the same name wherever there is one.
    const child = spawn(node, [program, "auth", "doctor", "--json"], { env: at.env, cwd: "/", uid: 1, gid: 1 });
    const findings = (JSON.parse(await text(child.stdout)) as DoctorReport).findings.filter(({ number }) => number === "D406");
    return findings.map(({ severity, sentence, fix = "" }) => `${severity}: ${sentence}; ${fix}`.replace(at.folder, "FOLDER").replace(at.folder, "FOLDER"));
  };
  const danger = "who could put another folder in its place";
  assert.deepEqual(await above(1, 1, 0o2775), ["ok: nobody else can change them; "]);
  assert.deepEqual(await above(0, 0, 0o775), ["ok: nobody else can change them; "]);
  assert.deepEqual(await above(1, 12345, 0o770), [`warning: FOLDER can be changed by others (mode 0770), ${danger}; chmod go-w FOLDER`]);
  assert.deepEqual(await above(0, 12345, 0o775), [`warning: FOLDER can be changed by others (mode 0775), ${danger}; sudo chmod +t FOLDER`]);
  assert.deepEqual(await above(12345, 1, 0o1755), [`warning: FOLDER belongs to another user (uid 12345), ${danger}; export SPEC_KITTY_CONFIG_DIR=…`]);
});

test("a damaged file, a link in its place and a newer format are findings, not crashes", unix, async (t) => {
  const at = await loggedIn(t);
  const text = readFileSync(at.credentials, "utf8");
  const damaged = [text.slice(0, 100), "", text.replace(/"nonce": "./, '"nonce": "!'), text.replace('"version": 2', '"version": 9')];
  for (const content of damaged) {
    writeFileSync(at.credentials, content);
    const report = await examine(at);
    assert.deepEqual(severities(report, "critical"), ["D401"]);
    assert.ok(report.of("D401")[0]?.fix);
    assert.equal(report.of("D301").length, 0, "nothing is known of the session");
  }
  rmSync(at.credentials);
  symlinkSync("/etc/passwd", at.credentials);
  assert.deepEqual(severities(await examine(at), "critical"), ["D401", "D403"]);
});

test("a session whose key is in a keychain that does not answer is critical", async (t) => {
  const at = await scene(t);
  mkdirSync(at.config, { mode: 0o700 });
  const file = new SealedFile(at.credentials, () => ({ mismatch: { message: "", hint: [] }, open: async () => Buffer.alloc(32) }));
  await file.write('{"version":1,"active":"default","profiles":{}}', { key: { source: "keychain", account: "sessions-test" } });
  const report = await examine(at, { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  assert.deepEqual(severities(report, "critical"), ["D401", "D601"]);
});

const helper = fileURLToPath(new URL("process-lock-helper.ts", import.meta.url));

/** A process that takes the lock: `exit` ends with it, `hold` keeps it until a line comes. */
function locker(t: TestContext, task: "hold" | "exit", path: string): ReturnType<typeof spawn> {
  const child = spawn(process.execPath, [...typescript, helper, task, path], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => void child.kill("SIGKILL"));
  return child;
}

test("the lock of a dead process is a warning, and --repair removes it, under its earlier name --unstick too", linux, async (t) => {
  const at = await loggedIn(t);
  const lock = join(at.config, "credentials.lock");
  const child = locker(t, "exit", lock);
  await once(child, "close");
  const before = listing(at.config);
  const report = await examine(at);
  assert.match(report.of("D501")[0]?.sentence ?? "", new RegExp(`^"credentials\\.lock" is held by process ${child.pid} on ".+", since \\d{4}-.+Z, which is dead`));
  assert.equal(report.of("D501")[0]?.severity, "warning");
  assert.equal(report.of("D501")[0]?.fix, "spec-kitty auth doctor --repair");
  assert.deepEqual(listing(at.config), before);

  const repaired = await examine(at, {}, " --unstick");
  assert.match(repaired.of("D501")[0]?.sentence ?? "", /^removed: "credentials\.lock" is held by process/);
  assert.deepEqual(readdirSync(at.config), ["credentials.json"]);
  assert.equal((await examine(at)).of("D501")[0]?.sentence, "none is held");
});

test("the lock of a living process is reported with its holder, stopped or not, and --repair leaves it", linux, async (t) => {
  const at = await loggedIn(t);
  mkdirSync(join(at.config, "queue", "alice"), { recursive: true, mode: 0o700 });
  const child = locker(t, "hold", join(at.config, "queue", "alice", "drain.lock"));
  const lines = createInterface(child.stdout ?? process.stdin)[Symbol.asyncIterator]();
  await lines.next();
  const report = await examine(at, {}, " --repair");
  assert.match(report.of("D501")[0]?.sentence ?? "", new RegExp(`^"queue/alice/drain\\.lock" is held by process ${child.pid} .*, which is running$`));
  assert.equal(report.of("D501")[0]?.severity, "note");
  child.kill("SIGSTOP");
  assert.equal((await examine(at, {}, " --repair")).of("D501")[0]?.fix, `kill -CONT ${child.pid}`);
  child.kill("SIGCONT");
  child.stdin?.write("\n");
  assert.equal((await lines.next()).value, "still true");
});

test("--repair removes what killed processes left next to a lock and next to the file, and leaves what a living writer has", linux, async (t) => {
  const at = await loggedIn(t);
  const mine = `.credentials.json.${process.pid}.0123456789ab.tmp`;
  const dead = `.credentials.json.${await deadPid()}.0123456789ab.tmp`;
  for (const name of [mine, dead]) writeFileSync(join(at.config, name), "", { mode: 0o600 });
  const holder = locker(t, "hold", join(at.config, "credentials.lock"));
  await once(holder.stdout ?? holder, "data");
  const watcher = watch(at.config);
  t.after(() => watcher.close());
  const waiting = locker(t, "exit", join(at.config, "credentials.lock"));
  while (!readdirSync(at.config).some((name) => name.startsWith("credentials.lock."))) await once(watcher, "change");
  waiting.kill("SIGKILL");
  await once(waiting, "close");

  const report = await examine(at);
  assert.equal(report.of("D405")[0]?.sentence, `a killed process left ${dead}`);
  assert.equal(report.of("D501")[0]?.sentence, 'something is left by a process killed while waiting for "credentials.lock"');
  const repaired = await examine(at, {}, " --repair");
  assert.equal(repaired.of("D405")[0]?.sentence, `removed what a killed process left: ${dead}`);
  assert.deepEqual(readdirSync(at.config).sort(), [mine, "credentials.json", "credentials.lock"]);
});

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "close");
  return child.pid ?? 0;
}

test("a clock that is minutes off is reported with its direction", async (t) => {
  const at = await loggedIn(t, { clockOffsetMs: 300_000 });
  const behind = (await examine(at)).of("D206")[0];
  assert.equal(behind?.severity, "warning");
  assert.match(behind.sentence, /^this machine's clock is (299|300|301) s behind the service's/);
  at.saas.clockOffsetMs = -300_000;
  assert.match((await examine(at)).of("D206")[0]?.sentence ?? "", /^this machine's clock is (299|300|301) s ahead of the service's/);
});

test("the way to the service ends at the step that fails", async (t) => {
  const at = await scene(t);
  const steps = ({ findings }: DoctorReport): string[] => findings.filter(({ number }) => number.startsWith("D2")).map(({ number, severity }) => `${number} ${severity}`);

  const nowhere = await examine(at, { SPEC_KITTY_SAAS_URL: "https://service.invalid" });
  assert.deepEqual(steps(nowhere), ["D201 ok", "D202 critical"]);
  assert.match(nowhere.of("D202")[0]?.sentence ?? "", /^"service\.invalid" has no address \((ENOTFOUND|EAI_AGAIN)\)$/);

  await at.saas.stop();
  const closed = await examine(at);
  assert.deepEqual(steps(closed), ["D201 ok", "D202 ok", "D203 critical"]);
  assert.match(closed.of("D203")[0]?.sentence ?? "", /^nothing answers at "127\.0\.0\.1", port \d+ \(ECONNREFUSED\)$/);
  await at.saas.start();

  const answers: [fault: Parameters<Scene["saas"]["faults"]["next"]>[1], severity: string, sentence: RegExp][] = [
    [{ status: 503 }, "critical", /answers 503$/],
    [{ status: 302, headers: { Location: "https://portal.example/sign-in?secret" } }, "warning", /redirects to https:\/\/portal\.example: /],
    [{ status: 200, body: "<html>" }, "warning", /answers 200 to a request without a token, not 401/],
    [{ reset: "before" }, "critical", /does not answer/],
  ];
  for (const [fault, severity, sentence] of answers) {
    at.saas.faults.next("/api/v1/me", fault);
    const found = (await examine(at)).of("D205")[0];
    assert.equal(found?.severity, severity);
    assert.match(found.sentence, sentence);
  }
});

test("a service that never answers costs the doctor 3 s, not 10, and Ctrl-C ends it earlier", unix, async (t) => {
  const at = await scene(t);
  at.saas.faults.always("/api/v1/me", { hang: true });
  const startedAt = performance.now();
  const report = await examine(at);
  assert.ok(performance.now() - startedAt < 10_000);
  assert.match(report.of("D205")[0]?.sentence ?? "", /does not answer \(no answer in time\)$/);

  const seen = at.saas.requests.length;
  const running = startCommand(t, ["auth", "doctor"], at.env);
  while (at.saas.requests.length === seen) await once(at.saas.changes, "change");
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  assert.equal(code, 130);
  assert.equal(stdout, "");
});

/** Another kind of service, with a self-signed certificate. */
async function secureService(t: TestContext, host: string): Promise<{ port: number; cert: string }> {
  const { key, cert } = testCertificate(host);
  const server = createServer({ key, cert }, (_, answer) => void answer.writeHead(401).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, cert };
}

test("a certificate that is not trusted is reported with its issuer, and trusting that issuer is the fix", async (t) => {
  const at = await scene(t);
  const { port, cert } = await secureService(t, "localhost");
  const SPEC_KITTY_SAAS_URL = `https://localhost:${port}`;
  const report = await examine(at, { SPEC_KITTY_SAAS_URL });
  assert.deepEqual(severities(report, "critical"), ["D204"]);
  const found = report.of("D204")[0];
  assert.match(found?.sentence ?? "", /is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\): it is for localhost, issued by localhost, valid until Dec 31/);
  assert.match(found?.fix ?? "", /export NODE_EXTRA_CA_CERTS=/);

  const authority = join(at.folder, "authority.pem");
  writeFileSync(authority, cert);
  const trusted = await examine(at, { SPEC_KITTY_SAAS_URL, NODE_EXTRA_CA_CERTS: authority });
  assert.deepEqual(severities(trusted, "critical"), []);
  assert.equal(trusted.of("D205")[0]?.severity, "ok");

  const misnamed = await examine(at, { SPEC_KITTY_SAAS_URL: `https://127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: authority });
  assert.match(misnamed.of("D204")[0]?.sentence ?? "", /ERR_TLS_CERT_ALTNAME_INVALID/);
});

test("a proxy is reported with the variable that names it, and it is the proxy that is connected to", async (t) => {
  const at = await scene(t);
  const { port, cert } = await secureService(t, "service.example");
  await using proxy = await startProxy({ routes: { "service.example:443": port } });
  const authority = join(at.folder, "authority.pem");
  writeFileSync(authority, cert);
  const more = { SPEC_KITTY_SAAS_URL: "https://service.example", HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority };
  const report = await examine(at, more);
  assert.deepEqual(report.of("D201")[0]?.sentence, `requests to service.example go through ${proxy.url}, from HTTPS_PROXY`);
  assert.equal(report.of("D203")[0]?.severity, "ok");
  assert.equal(report.of("D205")[0]?.severity, "ok");

  proxy.behaviour.refuse = 403;
  const refused = await examine(at, more);
  assert.deepEqual(severities(refused, "critical"), ["D205"]);
  assert.match(refused.of("D205")[0]?.fix ?? "", /NO_PROXY/);
  const wrong = await examine(at, { ...more, HTTPS_PROXY: "ftp://proxy.example" });
  assert.deepEqual(severities(wrong, "critical"), ["D201"]);
});

test("on a machine where nothing opens a browser, the programs that were looked for are named", unix, async (t) => {
  const at = await loggedIn(t);
  const found = (await examine(at)).of("D702")[0];
  assert.equal(found?.sentence, `${at.env["BROWSER"]} opens addresses`);
  const none = (await examine(at, { BROWSER: "/nowhere/browser", PATH: "/nowhere" })).of("D702")[0];
  assert.equal(none?.severity, "warning");
  assert.match(none.sentence, /^no program to open addresses with was found: \/nowhere\/browser, /);
  assert.equal(none.fix, "spec-kitty auth login --no-browser");
});

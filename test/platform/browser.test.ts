import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type BrowserCommand, type BrowserOutcome, browserCommands, openBrowser } from "../../src/platform/browser.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";

const address = "https://login.example.com/a?x=1&y=2";
const lines = (commands: BrowserCommand[]): string[] => commands.map(({ program, args }) => [program, ...args].join(" | "));

const table: [string, NodeJS.Platform, Record<string, string>, string[]][] = [
  ["Linux", "linux", {}, [`xdg-open | ${address}`, `gio | open | ${address}`, `wslview | ${address}`]],
  ["FreeBSD", "freebsd", {}, [`xdg-open | ${address}`, `gio | open | ${address}`, `wslview | ${address}`]],
  [
    "WSL",
    "linux",
    { WSL_DISTRO_NAME: "Debian" },
    [
      `wslview | ${address}`,
      `xdg-open | ${address}`,
      `gio | open | ${address}`,
      `rundll32.exe | url.dll,FileProtocolHandler | ${address}`,
    ],
  ],
  ["macOS", "darwin", {}, [`open | ${address}`]],
];
for (const [name, platform, env, expected] of table) {
  test(`on ${name} the address is one argument of what the system has, best first`, () => {
    assert.deepEqual(lines(browserCommands(address, platform, env)), expected);
  });
}

test("on Windows whole paths are used, and PowerShell gets the address encoded", () => {
  const [first, second, ...rest] = browserCommands("https://login.example.com/it's", "win32", { SystemRoot: "D:\\Win" });
  assert.deepEqual(first, {
    program: "D:\\Win\\System32\\rundll32.exe",
    args: ["url.dll,FileProtocolHandler", "https://login.example.com/it's"],
  });
  assert.equal(second?.program, "D:\\Win\\System32\\WindowsPowerShell\\v1.0\\powershell.exe");
  const encoded = second?.args.at(-1) ?? "";
  assert.deepEqual(second?.args.slice(0, -1), ["-NoProfile", "-NonInteractive", "-EncodedCommand"]);
  assert.match(encoded, /^[A-Za-z0-9+/=]+$/);
  assert.equal(Buffer.from(encoded, "base64").toString("utf16le"), "Start-Process 'https://login.example.com/it''s'");
  assert.deepEqual(rest, []);
});

const chosen: [string, NodeJS.Platform, string, string[]][] = [
  ["one program comes first", "linux", "firefox", ["firefox"]],
  ["a path with spaces stays whole", "linux", "/opt/my browser/run me", ["/opt/my browser/run me"]],
  ["what looks like an option or a shell line is part of the name", "darwin", "lynx --x; rm -rf ~", ["lynx --x; rm -rf ~"]],
  ["a list is tried in order", "linux", "firefox:/opt/my browser/run", ["firefox", "/opt/my browser/run"]],
  ["empty entries are none", "linux", ": :w3m:", ["w3m"]],
  ["a drive letter begins no list", "win32", "C:\\Program Files\\b.exe", ["C:\\Program Files\\b.exe"]],
  ["an empty value is none", "win32", "", []],
];
for (const [title, platform, value, programs] of chosen) {
  test(`of BROWSER ${title}`, () => {
    const commands = browserCommands(address, platform, { BROWSER: value });
    const own = commands.slice(0, commands.length - browserCommands(address, platform, {}).length);
    assert.deepEqual(own, programs.map((program) => ({ program, args: [address] })));
  });
}

const refused = [
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/html,x",
  "ms-msdt:/id",
  "http://login.example.com/",
  "http://127.0.0.1.evil.example/",
  "http://localhost.evil.example/",
  "http://0.0.0.0/",
  "ftp://login.example.com/",
  "--version",
  "/usr/bin/id",
  "",
];
for (const text of refused) {
  test(`S-007 "${text}" is not opened`, async (t) => {
    const { open, opened } = await desktop(t, {});
    await assert.rejects(open(text), { name: "AuthError", code: "service_answer_invalid" });
    assert.deepEqual(await opened(), []);
  });
}

for (const text of [
  "https://login.example.com/$(touch%20x)?a=1&b=`id`;c|d>e&x=%22'\"\\ \n--",
  "http://127.0.0.1:28888/x",
  "http://[::1]:1/",
  "http://localhost:8080/",
]) {
  test(`S-007 ${JSON.stringify(text)} is opened as one argument that no shell has seen`, async (t) => {
    const { open, opened } = await desktop(t, { "xdg-open": "exit 0" });
    assert.deepEqual(await open(text), { launched: "xdg-open" });
    assert.deepEqual(await opened(), [`xdg-open [${new URL(text).href}]`]);
  });
}

test("a launcher that is missing or fails is followed by the next", async (t) => {
  const { open, opened } = await desktop(t, { "xdg-open": "exit 3", wslview: "exit 0" });
  assert.deepEqual(await open(address), { launched: "wslview" });
  assert.deepEqual(await opened(), [`xdg-open [${address}]`, `wslview [${address}]`]);
});

test("BROWSER is tried before the system's own, spaces in its path and all", async (t) => {
  const { open, folder, opened } = await desktop(t, { "my browser": "exit 0", "xdg-open": "exit 0" });
  assert.deepEqual(await open(address, { BROWSER: join(folder, "my browser") }), { launched: join(folder, "my browser") });
  assert.deepEqual(await opened(), [`my browser [${address}]`]);
});

test("when nothing works the outcome says what each launcher said, without the address", async (t) => {
  const { open, folder } = await desktop(t, { "xdg-open": "exit 3", gio: "kill -9 $$" });
  const unusable = join(folder, "xdg-open", "below-a-file");
  const outcome = await open(address, { BROWSER: `${unusable}:${folder}` });
  assert.ok("failed" in outcome);
  assert.match(outcome.failed, /below-a-file: .*ENOTDIR.*; .*: .*EACCES.*; xdg-open: ended with 3; gio: ended with SIGKILL; wslview: not found$/);
  assert.doesNotMatch(outcome.failed, /login\.example\.com/);
});

test("a browser that runs on counts as launched, and is not waited for", async (t) => {
  let started = async (): Promise<boolean> => false;
  const untilStarted = async (): Promise<void> => {
    while (!(await started())) await new Promise(setImmediate);
  };
  const { open, opened } = await desktop(t, { "xdg-open": "exec /bin/sleep 2" }, { ...systemClock, sleep: untilStarted });
  started = async () => (await opened()).length > 0;
  assert.deepEqual(await open(address), { launched: "xdg-open" });
});

/** A folder of launchers that write down what they are asked, as the only PATH. */
async function desktop(
  t: TestContext,
  programs: Record<string, string>,
  clock: Clock = { ...systemClock, sleep: (_, options = {}) => systemClock.sleep(30_000, options) },
): Promise<{
  folder: string;
  open: (text: string, env?: Record<string, string>) => Promise<BrowserOutcome>;
  opened: () => Promise<string[]>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "browser-"));
  const log = join(folder, "log");
  await writeFile(log, "");
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, ending] of Object.entries(programs)) {
    const script = `#!/bin/sh\n{ printf '%s' '${name}'; printf ' [%s]' "$@"; echo; } >>'${log}'\n${ending}\n`;
    await writeFile(join(folder, name), script, { mode: 0o755 });
  }
  const opened = async (): Promise<string[]> => (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  return {
    folder,
    open: (text, env = {}) => openBrowser(text, { env: { PATH: folder, ...env }, platform: "linux", clock }),
    opened,
  };
}

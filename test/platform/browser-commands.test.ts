import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrowserCommand, browserCommands } from "../../src/platform/browser.ts";

const address = "https://login.example.com/a?x=1&y=2";
const lines = (commands: BrowserCommand[]): string[] =>
  commands.map(({ program, args }) => [program, ...args].join(" | "));

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
];
for (const [name, platform, env, expected] of table) {
  test(`on ${name} the URL is one argument of each launcher that the system has, the best first`, () => {
    assert.deepEqual(lines(browserCommands(address, platform, env)), expected);
  });
}

test("on Windows absolute paths are used, and PowerShell gets the URL encoded", () => {
  const [first, second, ...rest] = browserCommands("https://login.example.com/it's", "win32", {
    SystemRoot: "D:\\Win",
  });
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

test("S-009 on macOS no command line has the URL, and AppleScript gets it quoted", () => {
  assert.deepEqual(browserCommands('https://login.example.com/?a="\\', "darwin", {}), [
    {
      program: "/usr/bin/osascript",
      args: ["-"],
      input: 'open location "https://login.example.com/?a=\\"\\\\"\n',
    },
  ]);
});

const chosen: [string, NodeJS.Platform, string, string[]][] = [
  ["one program comes first", "linux", "firefox", ["firefox"]],
  ["a path with spaces stays whole", "linux", "/opt/my browser/run me", ["/opt/my browser/run me"]],
  [
    "what looks like an option or a shell line is part of the name",
    "darwin",
    "lynx --x; rm -rf ~",
    ["lynx --x; rm -rf ~"],
  ],
  ["a list is tried in order", "linux", "firefox:/opt/my browser/run", ["firefox", "/opt/my browser/run"]],
  ["empty entries are none", "linux", ": :w3m:", ["w3m"]],
  ["a drive letter begins no list", "win32", "C:\\Program Files\\b.exe", ["C:\\Program Files\\b.exe"]],
  ["an empty value is none", "win32", "", []],
];
for (const [title, platform, value, programs] of chosen) {
  test(`of BROWSER ${title}`, () => {
    const commands = browserCommands(address, platform, { BROWSER: value });
    const own = commands.slice(0, commands.length - browserCommands(address, platform, {}).length);
    assert.deepEqual(
      own,
      programs.map((program) => ({ program, args: [address] })),
    );
  });
}

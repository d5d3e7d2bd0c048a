import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runHere } from "../../../helpers/command-here.ts";
import { scene } from "../../../helpers/scene.ts";

const refused: [title: string, lines: [args: string, message: RegExp][]][] = [
  [
    "the argument is one URL, of the kind that an option takes, and not two things at once",
    [
      [
        "login.example",
        /^error: URL is "login\.example", not a URL.*\nhint: Pass a URL: spec-kitty auth login https:\/\/login\.example$/m,
      ],
      ["https://a.example --issuer https://b.example", /^error: URL and --issuer cannot be used together$/m],
      ["https://a.example https://b.example", /^error: unexpected argument "https:\/\/b\.example"$/m],
      ["--service b.example", /^error: --service is "b\.example", not a URL/m],
    ],
  ],
  [
    "--issuer and --resource take addresses only, and plain http for this machine only",
    [
      ["--issuer login.example", /^error: --issuer is "login\.example", not a URL[^]*\nhint: .*--issuer https:/m],
      [
        "--issuer http://login.example",
        /^error: --issuer is "http:\/\/login\.example": it must be https[^]*\nhint: .*--issuer https:/m,
      ],
      ["--resource api", /^error: --resource is "api", not a URL[^]*\nhint: .*--resource https:/m],
      ["--resource https://api.example/#x", /^error: --resource is .*fragment[^]*\nhint: .*--resource https:/m],
    ],
  ],
  [
    "--trust-host takes the name of a host and nothing else",
    (
      [
        ["https://a.example/x", "a.example"],
        ["a.example/x", "login.example"],
        ["b@a.example", "login.example"],
        ["*", "login.example"],
        ["a.example?", "login.example"],
      ] as const
    ).map(([text, meant]) => [
      `--trust-host ${text}`,
      new RegExp(`^error: --trust-host is "[^\\n]+", not the name of a host\\nhint: Try: --trust-host ${meant}$`, "m"),
    ]),
  ],
  [
    "--redirect-path takes a path that a browser leaves as it is, and no address",
    ["callback", "//evil.example/", "/a/../b", "/a?b", "/a\tb", "https://evil.example/"].map((path) => [
      `--redirect-path ${path}`,
      /^error: --redirect-path is "[^\n]+", not a path of letters[^\n]+\nhint: Try: --redirect-path \/callback$/m,
    ]),
  ],
  [
    "--provider takes its three names, and no other word for the issuer",
    [
      [
        "--provider gitlab",
        /^error: --provider is "gitlab", not one of github, google, microsoft\nhint: Log in with any other provider by its URL$/m,
      ],
      [
        "--provider github --client-id x --issuer https://login.example",
        /^error: --provider and --issuer cannot be used together$/m,
      ],
      ["https://login.example --provider github --client-id x", /^error: --provider and URL cannot be used together$/m],
      ["--provider google --tenant common", /^error: --tenant needs --provider microsoft$/m],
      ["--provider microsoft --tenant ../evil", /^error: --tenant is "\.\.\/evil", not an ID or a domain$/m],
    ],
  ],
];
for (const [title, lines] of refused) {
  test(title, async (t) => {
    const { saas, here } = await scene(t);
    for (const [args, message] of lines) {
      const { code, stdout, stderr } = await here(`auth login ${args}`);
      assert.deepEqual([code, stdout], [2, ""], args);
      assert.match(stderr, message);
    }
    assert.equal(saas.requests.length, 0);
  });
}

test("a client secret is read from a file and never from the command line", async (t) => {
  const { env, folder } = await scene(t);
  const file = join(folder, "client-secret");
  writeFileSync(file, "two\nlines\n");
  for (const [args, message] of [
    [["--client-secret", "hunter2hunter2"], /^error: "--client-secret" is not an option/m],
    [["--client-secret-file", file], /^error: --client-secret-file: "\S+" is not one line of ASCII/m],
    [["--client-secret-file", "nowhere"], /^error: --client-secret-file: cannot read "nowhere" \(ENOENT\)$/m],
  ] as const) {
    const { code, stderr } = await runHere(["auth", "login", ...args], env);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});

test("login --json prints the same as status --json, and nothing else on stdout", async (t) => {
  const { here } = await scene(t);
  const { code, stdout } = await here("auth login --json");
  assert.equal(code, 0);
  const answer = JSON.parse(stdout) as { authenticated: boolean; profile: string; authFlow: string };
  assert.deepEqual(answer, JSON.parse((await here("auth status --json")).stdout));
  assert.deepEqual([answer.authenticated, answer.profile, answer.authFlow], [true, "default", "authorization_code"]);
});

for (const [line, error, hint] of [
  [
    "--headless --port 4711",
    "--port is for a login through the browser, and --headless logs in with a code",
    "Omit one of the two",
  ],
  [
    "--headless --no-browser",
    "--no-browser is for a login through the browser, and --headless logs in with a code",
    "Omit one of the two",
  ],
  [
    "--redirect-host localhost",
    "--redirect-host is for a login through the browser, and no browser can be shown here: this is an SSH session (SSH_CONNECTION is set)",
    "Open the browser yourself: spec-kitty auth login --redirect-host localhost --no-browser",
  ],
] as const) {
  test(`an option of the browser login that would be ignored is wrong usage: ${line}`, async (t) => {
    const { saas, here } = await scene(t, {}, { BROWSER: undefined, SSH_CONNECTION: "10.0.0.1 4711 10.0.0.2 22" });
    assert.deepEqual(await here(`auth login ${line}`), {
      code: 2,
      signal: null,
      stdout: "",
      stderr: `error: ${error}\nhint: ${hint}\n`,
    });
    assert.equal(saas.requests.length, 0);
  });
}

test("options with impossible values are refused before anything happens", async (t) => {
  const { saas, here, folder } = await scene(t);
  for (const [args, message] of [
    ["--port 0", /--port is "0", not a whole number from 1 to 65535/],
    ["--port 99999", /--port is "99999"/],
    ["--timeout soon", /--timeout is "soon"/],
    ["--timeout -5", /--timeout needs a value/],
    ["--redirect-host 0.0.0.0", /--redirect-host is "0\.0\.0\.0", not 127\.0\.0\.1 or localhost/],
    ["--storage cloud", /--storage is "cloud", not one of keychain, file, memory/],
    ["--profile ../evil", /--profile is "\.\.\/evil"/],
    ["--profile", /--profile needs a value/],
    ["--yes=no", /--yes takes no value/],
    ["now", /URL is "now", not a URL/],
  ] as const) {
    const { code, stdout, stderr } = await here(`auth login ${args}`);
    assert.deepEqual([code, stdout], [2, ""], args);
    assert.match(stderr, message);
    assert.match(stderr, /^hint: \S/m);
  }
  assert.match(
    (await here("sync now", { SPEC_KITTY_STORAGE: "cloud" })).stderr,
    /^error: SPEC_KITTY_STORAGE is "cloud".*\nhint: Try: export SPEC_KITTY_STORAGE=file\n$/,
  );
  assert.equal(saas.requests.length, 0);
  assert.deepEqual(readdirSync(folder), []);
});

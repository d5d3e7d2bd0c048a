// A tool of twenty lines, installed from the tarball, at a certified OpenID provider.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand, scratchFolder, startCommand, type CommandOptions } from "../helpers/command.ts";
import { later } from "../helpers/scene.ts";
import { example, installedProject, writeTool } from "../helpers/tool.ts";
import { fillForms } from "./form-user.js";

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test("FR-021 a tool of twenty lines at a provider: login by browser and code, one refresh for sixteen processes, logout", async (t) => {
  const provider = spawn(process.execPath, [program("oidc-provider.js")], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => provider.kill());
  const lines = createInterface({ input: provider.stdout });
  const [issuer] = (await once(lines, "line")) as [string];
  let asked: string[] = [];
  lines.on("line", (line) => asked.push(line));
  const { project, remove } = installedProject();
  t.after(remove);
  const tool = writeTool(example("acme.js"), project, "acme.js", {
    url: issuer,
    scope: "openid offline_access api.read",
    path: "/me",
  });
  const home = scratchFolder(t);
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    XDG_RUNTIME_DIR: join(home, "run"),
    APPDATA: home,
    ACME_STORAGE: "file",
    BROWSER: program("form-user.js"),
  };
  const does = async (line: string, options: CommandOptions & { input?: string } = {}): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(t, line.split(" "), env, {
      program: tool,
      cwd: home,
      ...options,
    });
    assert.equal(code, 0, `${line}\n${stderr}\n${stdout}`);
    assert.doesNotMatch((stdout + stderr).replaceAll(home, ""), /spec.?kitty/i);
    return stdout;
  };

  assert.match(await does("auth login --no-dpop"), /^✓ Logged in as alice@example\.com/);
  const device = startCommand(t, ["auth", "login", "--headless", "--profile", "work"], env, {
    program: tool,
    cwd: home,
  });
  const [address, code] = await Promise.all([
    device.shows(/http:\S+\/device\b/),
    device.shows(/\b[A-Z]{4}-[A-Z]{4}\b/),
  ]);
  await fillForms(address[0], { user_code: code[0], login: "bob", answer: "allow" });
  assert.equal((await device.ended).code, 0, device.stderr());

  assert.match(await does("auth list"), /alice@example\.com[^]*bob@example\.com/);
  assert.match(await does("projects"), /"sub":"alice"/);
  assert.match(await does("api GET /me --profile work"), /"sub":"bob"/);
  assert.match(
    await does("auth git-credential get", { input: `protocol=http\nhost=${new URL(issuer).host}\n\n` }),
    /^password=\S+$/m,
  );
  await does("auth doctor");

  asked = [];
  const tokens = await Promise.all(
    Array.from({ length: 16 }, () => does("auth token", { nodeArgs: later(3_600_000) })),
  );
  assert.deepEqual([new Set(tokens).size, asked.filter((line) => line.includes("/token"))], [1, ["POST /token 200"]]);
  assert.match(await does("auth logout"), /Revoked: refresh token, access token\./);
  assert.equal(await does("auth whoami --profile work"), "bob@example.com\n");
});

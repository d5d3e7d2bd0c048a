import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { approvingBrowser } from "./fake-saas/browser.ts";
import { startFakeSaas } from "./fake-saas/server.ts";
import { tokenLog } from "./docs/screens.ts";
import { bin } from "./helpers/command.ts";

/** With a display the real browser opens, and the person in front of it approves; without one a scripted user does. */
const hasDisplay =
  process.platform === "darwin" ||
  process.platform === "win32" ||
  Boolean(process.env["DISPLAY"] ?? process.env["WAYLAND_DISPLAY"]);

const folder = mkdtempSync(join(tmpdir(), "spec-kitty-demo-"));
const saas = await startFakeSaas({ accessTokenSeconds: 3600 });
const env: NodeJS.ProcessEnv = {
  ...process.env,
  SPEC_KITTY_SAAS_URL: saas.url,
  SPEC_KITTY_CONFIG_DIR: join(folder, "config"),
  SPEC_KITTY_STORAGE: "file",
  ...(hasDisplay ? {} : { BROWSER: approvingBrowser }),
};

/** Types a command and shows what it says. */
async function type(line: string, expected = 0): Promise<void> {
  process.stdout.write(`\n$ spec-kitty ${line}\n`);
  await run(line, "inherit", expected);
}

/** Runs a command; returns its output unless that is shown. */
async function run(line: string, output: "inherit" | "pipe", expected = 0): Promise<string> {
  const child = spawn(process.execPath, [bin, ...line.split(" ")], { env, stdio: ["ignore", output, "inherit"] });
  let text = "";
  child.stdout?.on("data", (data: Buffer) => (text += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== expected) throw new Error(`"spec-kitty ${line}" ended with ${code}, and ${expected} was expected`);
  return text;
}

function tell(text: string): void {
  process.stdout.write(`\n# ${text}\n`);
}

try {
  tell(`A fake service runs at ${saas.url}. Nothing below leaves this machine.`);
  await type("auth login");
  await type("auth status");
  tell("An authenticated request:");
  await type("api GET /api/v1/me");
  tell("The issuer gives an access token for one second. Then eight shells ask for a token at once:");
  saas.options.accessTokenSeconds = 1;
  await type("auth refresh");
  saas.options.accessTokenSeconds = 3600;
  await delay(1000);
  saas.requests.length = 0;
  const before = saas.counters.refreshes;
  const tokens = await Promise.all(Array.from({ length: 8 }, () => run("auth token", "pipe")));
  const [refreshes, { reuses }] = [saas.counters.refreshes - before, saas.counters];
  tell(`The shells got ${new Set(tokens).size} token. The issuer's log:`);
  process.stdout.write(tokenLog({ requests: saas.requests, counters: { ...saas.counters, refreshes } }));
  if (refreshes !== 1 || reuses !== 0) throw new Error(`there were ${refreshes} refreshes and ${reuses} reuses`);
  await type("auth logout");
  await type("auth status", 4);
  tell("That was all of it. The README says how to install the command.");
} finally {
  await saas.close();
  rmSync(folder, { recursive: true, force: true });
}

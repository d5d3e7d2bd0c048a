import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approvingBrowser } from "./fake-saas/browser.ts";
import { startFakeSaas } from "./fake-saas/server.ts";
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
  const child = spawn(process.execPath, [bin, ...line.split(" ")], { env, stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (code !== expected) throw new Error(`"spec-kitty ${line}" ended with ${code}, and ${expected} was expected`);
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
  tell(
    "The service declares every access token expired. The next request is refused once, refreshed once and sent again:",
  );
  const before = saas.counters.refreshes;
  saas.expireAccessTokens();
  await type("api GET /api/v1/me");
  tell(`Refreshes that the service saw: ${saas.counters.refreshes - before}.`);
  await type("auth logout");
  await type("auth status", 4);
  tell("That was all of it. The README says how to install the command and log in to a service of your own.");
} finally {
  await saas.close();
  rmSync(folder, { recursive: true, force: true });
}

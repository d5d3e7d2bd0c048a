// A folder on a Windows that Wine plays, and a service. Needs the Debian package wine64, and a build.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FakeOptions } from "../fake-saas/options.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { approveDevice } from "../fake-saas/user.ts";
import type { CommandResult, RunningCommand } from "../helpers/command.ts";
import type { Windows, WindowsOptions } from "../helpers/windows.ts";

export interface WindowsScene {
  saas: FakeSaas;
  /** The folder of everything that is kept, as this machine sees it. */
  folder: string;
  /** Starts the command. Its arguments are split at spaces. */
  start(args: string, options?: WindowsOptions): RunningCommand;
  run(args: string, options?: WindowsOptions): Promise<CommandResult>;
}

/** What a login prints. */
export const success = "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n";

let scenes = 0;

export async function windowsScene(
  t: Pick<TestContext, "after">,
  windows: Windows,
  options: Partial<FakeOptions> = {},
): Promise<WindowsScene> {
  const saas = await startFakeSaas(options);
  t.after(() => saas.close());
  scenes += 1;
  const env = { SPEC_KITTY_SAAS_URL: saas.url, SPEC_KITTY_CONFIG_DIR: `C:\\scene-${scenes}` };
  const start: WindowsScene["start"] = (args, more) =>
    windows.start(args.split(" "), { ...more, env: { ...env, ...more?.env } });
  return { saas, folder: join(windows.drive, `scene-${scenes}`), start, run: (args, more) => start(args, more).ended };
}

/** A scene in which alice has logged in with a code. */
export async function loggedInOnWindows(t: Pick<TestContext, "after">, windows: Windows): Promise<WindowsScene> {
  const at = await windowsScene(t, windows, { deviceIntervalSeconds: 1 });
  const login = at.start("auth login --headless --storage file");
  const [, address = ""] = await login.shows(/Open this URL in a browser, on any device:\n\n {2}(\S+)\n/);
  const [, code = ""] = await login.shows(/and enter this code:\n\n {2}(\S+)\n/);
  await approveDevice(address, code);
  const { code: exit, stdout, stderr } = await login.ended;
  assert.deepEqual([exit, stdout], [0, success], stderr);
  return at;
}

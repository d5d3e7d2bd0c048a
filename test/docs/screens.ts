import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { signIn } from "../helpers/stored-session.ts";
import { startOnScreen } from "../helpers/tmux.ts";
import { textOf } from "./terminal-picture.ts";

/** A terminal in which somebody types commands. */
interface Scenario {
  /** For those who do not see the picture. */
  readonly title: string;
  readonly commands: readonly string[];
  readonly size: { readonly columns: number; readonly rows: number };
  /** What there is before the first command. */
  readonly before?: (saas: FakeSaas, env: CommandEnvironment) => Promise<void>;
  /** What the last command shows while it waits for the user. */
  readonly waits?: RegExp;
}

async function loggedIn(saas: FakeSaas, env: CommandEnvironment): Promise<void> {
  await signIn(saas, env);
}

/** Every screen that is a picture, by the name of its file. */
export const screens: Readonly<Record<"login" | "device-login" | "status" | "doctor", Scenario>> = {
  login: {
    title: "A login in a terminal, and an authenticated request",
    commands: ["spec-kitty auth login", "spec-kitty api GET /api/v1/me | cut -c 1-92", "spec-kitty auth list"],
    size: { columns: 92, rows: 50 },
  },
  "device-login": {
    title: "A login with a code, which waits for the approval",
    commands: ["spec-kitty auth login --headless"],
    size: { columns: 80, rows: 40 },
    waits: /^Waiting for approval/m,
  },
  status: {
    title: "Who is logged in, and until when",
    commands: ["spec-kitty auth status"],
    size: { columns: 92, rows: 50 },
    before: loggedIn,
  },
  doctor: {
    title: "The doctor has found a file that others can read",
    commands: ["spec-kitty auth doctor"],
    size: { columns: 92, rows: 60 },
    async before(saas, env) {
      await loggedIn(saas, env);
      chmodSync(join(env["SPEC_KITTY_CONFIG_DIR"] ?? "", "keys"), 0o644);
    },
  },
};

/** Types the commands into a shell on a real terminal, against the fake service, and returns the screen's lines with their colours. */
export async function record(
  t: Pick<TestContext, "after">,
  { commands, size, before, waits }: Scenario,
): Promise<string[]> {
  const saas = await startFakeSaas({ accessTokenSeconds: 3600 });
  t.after(() => saas.close());
  // As long on every machine: its lines break where they do in the picture.
  const folder = scratchFolder(t, "/tmp");
  const program = join(folder, "spec-kitty");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(program, 0o755);
  const environment = commandEnvironment(folder, saas.url);
  await before?.(saas, environment);
  const env = { ...environment, PATH: `${folder}:${environment["PATH"]}`, PS1: "\\n\\[\\e[2m\\]$\\[\\e[0m\\] " };
  const screen = await startOnScreen(t, ["bash", "--norc", "--noprofile", "-i"], env, size);
  for (const [index, command] of [...commands, ""].entries()) {
    if (command === "" && waits !== undefined) break;
    // So many commands with what they said, and a prompt that waits.
    await screen.shows(new RegExp(`^(?:\\$ [^]*\\n){${index}}\\$\\n*(?![^])`, "m"));
    if (command !== "") await screen.press(command, "Enter");
  }
  if (waits !== undefined) await screen.shows(waits);
  const lines = await screen.colored();
  // Before the first prompt and above the last one is a blank line.
  const end =
    waits === undefined
      ? lines.findLastIndex((line) => textOf(line).startsWith("$")) - 1
      : lines.findLastIndex((line) => textOf(line) !== "") + 1;
  return lines.slice(1, end);
}

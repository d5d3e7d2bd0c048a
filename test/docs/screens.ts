import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { sessionOf, signIn, storeSession } from "../helpers/stored-session.ts";
import { startOnScreen } from "../helpers/tmux.ts";
import { textOf } from "./terminal-picture.ts";

/** A terminal in which somebody types commands. */
interface Scenario {
  /** For those who do not see the picture. */
  readonly title: string;
  readonly commands: readonly string[];
  readonly size: { readonly columns: number; readonly rows: number };
  /** What there is before the first command. */
  readonly before?: (saas: FakeSaas, env: CommandEnvironment, folder: string) => Promise<void>;
  /** What the last command shows while it waits for the user. */
  readonly waits?: RegExp;
}

async function loggedIn(saas: FakeSaas, env: CommandEnvironment): Promise<void> {
  await signIn(saas, env);
}

/** Every screen that is a picture, by the name of its file. */
export const screens: Readonly<Record<"one-refresh" | "login" | "device-login" | "status" | "doctor", Scenario>> = {
  "one-refresh": {
    title: "Eight shells ask for a token at once, and the issuer sees one refresh",
    commands: [
      "# the access token has expired, and eight shells want one",
      "(for i in 1 2 3 4 5 6 7 8; do spec-kitty auth token > token.$i & done; wait)",
      "sort -u token.* | wc -l",
      "cat service.log",
    ],
    size: { columns: 80, rows: 30 },
    async before(saas, env, folder) {
      await storeSession(saas, env, sessionOf(saas));
      const log = (): void => writeFileSync(join(folder, "service.log"), tokenLog(saas));
      saas.changes.on("change", log);
    },
  },
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

/** The picture of a screen, from the root. What the README shows is in the package, the rest is for those who have a clone. */
export function pictureFile(name: string): string {
  return `${name === "one-refresh" ? "src" : "test"}/docs/${name}.svg`;
}

/** What the token endpoint was asked, and what it made of it. */
export function tokenLog({ requests, counters }: Pick<FakeSaas, "requests" | "counters">): string {
  const lines = requests
    .filter(({ path }) => path === "/oauth/token")
    .map(
      ({ method, path, body, status }) => `${method} ${path} ${new URLSearchParams(body).get("grant_type")} ${status}`,
    );
  return `${[...lines, `refreshes: ${counters.refreshes}, reuses: ${counters.reuses}`].join("\n")}\n`;
}

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
  await before?.(saas, environment, folder);
  const env = { ...environment, PATH: `${folder}:${environment["PATH"]}`, PS1: "\\n\\[\\e[2m\\]$\\[\\e[0m\\] " };
  const screen = await startOnScreen(t, ["sh", "-c", `cd "$0" && exec bash --norc --noprofile -i`, folder], env, size);
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

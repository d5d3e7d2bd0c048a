import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment } from "../helpers/command.ts";
import { root } from "../helpers/import-graph.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { median } from "./valid-token.ts";

/** User and system time of a whole process, in milliseconds: the median, next to that of its runtime when it does nothing. */
export interface Start {
  readonly what: string;
  readonly ms: number;
  readonly bare: number;
}

export interface ColdStart {
  readonly runs: number;
  /** Commands on this Node, then `auth token` on others, as an executable, and by GitHub's own command. */
  readonly starts: readonly Start[];
}

/**
 * Measures commands that scripts and prompts run, with a valid token and the machine's key, in runs that take turns.
 */
export async function coldStart(runs: number): Promise<ColdStart> {
  const saas = await startFakeSaas();
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
  try {
    const env = commandEnvironment(folder, saas.url);
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    const here = [process.execPath, "-e", "0"];
    const commands: [what: string, bare: string[], command: string[]][] = [
      ["--version", here, [process.execPath, bin, "--version"]],
      ["auth token", here, [process.execPath, bin, "auth", "token"]],
      ["auth status", here, [process.execPath, bin, "auth", "status"]],
      ["auth whoami", here, [process.execPath, bin, "auth", "whoami"]],
      ["auth git-credential get", here, [process.execPath, bin, "auth", "git-credential", "get"]],
    ];
    const runtimes = join(root, "test", "peers", "runtimes");
    const others = ["node-22", "node-24", "node-26"].map((name) => join(runtimes, "node_modules", name, "bin", "node"));
    for (const node of others.filter((path) => existsSync(path))) {
      const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
      commands.push([`auth token, Node ${version}`, [node, "-e", "0"], [node, bin, "auth", "token"]]);
    }
    execFileSync(process.execPath, [join(root, "test", "executable.js"), folder], { stdio: "ignore" });
    const newest = [others.at(-1) ?? process.execPath, "-e", "0"];
    commands.push(["auth token, executable", newest, [join(folder, "spec-kitty"), "auth", "token"]]);
    const hosts = join(folder, "hosts.yml");
    writeFileSync(hosts, "github.com:\n    oauth_token: gho_1\n    user: alice\n");
    if (spawnSync("gh", ["--version"]).status === 0) commands.push(["gh auth token", here, ["gh", "auth", "token"]]);

    const times = commands.map(() => ({ ms: [] as number[], bare: [] as number[] }));
    for (let turn = 0; turn <= runs; turn += 1) {
      for (const [index, [, bare, command]] of commands.entries()) {
        const spent = [command, bare].map((one) => timeOf(one, { ...env, GH_CONFIG_DIR: folder, HOME: folder }));
        // The first turn fills the caches of the disk.
        if (turn === 0) continue;
        times[index]?.ms.push(spent[0] ?? NaN);
        times[index]?.bare.push(spent[1] ?? NaN);
      }
    }
    const starts = commands.map(([what], index) => ({
      what,
      ms: median(times[index]?.ms ?? []),
      bare: median(times[index]?.bare ?? []),
    }));
    return { runs, starts };
  } finally {
    await saas.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function coldStartTitle({ runs }: ColdStart): string {
  return `Cold start, user and system time, medians of ${runs} runs in turns`;
}

/** With a heading. The last column is true on other machines too. */
export function coldStartRows({ starts }: ColdStart): [string, string, string][] {
  const rows = starts.map(({ what, ms, bare }): [string, string, string] => [
    what,
    `${ms.toFixed(1)} (+ ${(ms - bare).toFixed(1)})`,
    (ms / bare).toFixed(2),
  ]);
  return [["", "ms (over the bare runtime)", "x the bare runtime"], ...rows];
}

/** As the shell tells it, which waits for the process: of whatever kind it is. */
function timeOf(command: readonly string[], env: NodeJS.ProcessEnv): number {
  const { stderr, status } = spawnSync("bash", ["-c", 'time "$@" >/dev/null', "bash", ...command], {
    env: { ...env, TIMEFORMAT: "%3U %3S" },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return (stderr.trim().split("\n").at(-1) ?? "").split(" ").reduce((sum, seconds) => sum + 1000 * Number(seconds), 0);
}

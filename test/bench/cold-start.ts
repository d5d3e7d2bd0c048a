import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment } from "../helpers/command.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { median } from "./valid-token.ts";

/** User and system time of whole processes, in milliseconds: medians of the same number of runs that took turns. */
export interface ColdStart {
  runs: number;
  bareNode: number;
  version: number;
  authToken: number;
  authStatus: number;
  whoami: number;
  gitCredential: number;
  /** `gh auth token` of GitHub's own command, whose token is in a file too; undefined where it is not installed. */
  gh: number | undefined;
}

/** Measures `--version`, and with a valid token and the machine's key the commands that scripts and prompts run, against a Node that does nothing. */
export async function coldStart(runs: number): Promise<ColdStart> {
  const saas = await startFakeSaas();
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
  try {
    const env = commandEnvironment(folder, saas.url);
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    // Written by the process itself as it ends: the times that a parent is told are whole ticks of the scheduler.
    const meter = join(folder, "meter.cjs");
    writeFileSync(
      meter,
      `process.on("exit", () => { const u = process.resourceUsage(); require("fs").writeSync(3, String(u.userCPUTime + u.systemCPUTime)); });`,
    );
    const run = (...args: string[]): number => {
      const { output, status, stderr } = spawnSync(process.execPath, ["-r", meter, ...args], {
        env,
        stdio: ["ignore", "pipe", "pipe", "pipe"],
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(stderr);
      return Number(output[3]) / 1000;
    };
    const names = ["bareNode", "version", "authToken", "authStatus", "whoami", "gitCredential", "gh"] as const;
    const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
      (typeof names)[number],
      number[]
    >;
    const isThere = spawnSync("gh", ["--version"]).status === 0;
    run(bin, "auth", "token");
    for (let count = 0; count < runs; count += 1) {
      times.bareNode.push(run("-e", "0"));
      times.version.push(run(bin, "--version"));
      times.authToken.push(run(bin, "auth", "token"));
      times.authStatus.push(run(bin, "auth", "status"));
      times.whoami.push(run(bin, "auth", "whoami"));
      times.gitCredential.push(run(bin, "auth", "git-credential", "get"));
      if (isThere) times.gh.push(gh(folder));
    }
    return {
      runs,
      bareNode: median(times.bareNode),
      version: median(times.version),
      authToken: median(times.authToken),
      authStatus: median(times.authStatus),
      whoami: median(times.whoami),
      gitCredential: median(times.gitCredential),
      gh: isThere ? median(times.gh) : undefined,
    };
  } finally {
    await saas.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One run of `gh auth token`, with a token in gh's own file. */
function gh(folder: string): number {
  writeFileSync(join(folder, "hosts.yml"), "github.com:\n    oauth_token: gho_1\n    user: alice\n");
  const env = { PATH: process.env["PATH"], HOME: folder, GH_CONFIG_DIR: folder, TIMEFORMAT: "%3U %3S" };
  const { stdout, stderr, status } = spawnSync("bash", ["-c", "time gh auth token"], { env, encoding: "utf8" });
  if (status !== 0 || stdout !== "gho_1\n") throw new Error(stderr);
  return (stderr.trim().split("\n").at(-1) ?? "").split(" ").reduce((sum, seconds) => sum + 1000 * Number(seconds), 0);
}

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
}

/** Measures `--version`, and `auth token` and `auth status` with a valid token and the machine's key, against a Node that does nothing. */
export async function coldStart(runs: number): Promise<ColdStart> {
  const saas = await startFakeSaas();
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
  try {
    const env = commandEnvironment(folder, saas.url);
    await storeSession(saas, env, sessionOf(saas, { leftMs: 3_600_000 }));
    // Written by the process itself as it ends: the times that a parent is told are whole ticks of the scheduler.
    const meter = join(folder, "meter.cjs");
    writeFileSync(meter, `process.on("exit", () => { const u = process.resourceUsage(); require("fs").writeSync(3, String(u.userCPUTime + u.systemCPUTime)); });`);
    const run = (...args: string[]): number => {
      const { output, status, stderr } = spawnSync(process.execPath, ["-r", meter, ...args], { env, stdio: ["ignore", "pipe", "pipe", "pipe"], encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
      return Number(output[3]) / 1000;
    };
    const times = { bareNode: [] as number[], version: [] as number[], authToken: [] as number[], authStatus: [] as number[] };
    run(bin, "auth", "token");
    for (let count = 0; count < runs; count += 1) {
      times.bareNode.push(run("-e", "0"));
      times.version.push(run(bin, "--version"));
      times.authToken.push(run(bin, "auth", "token"));
      times.authStatus.push(run(bin, "auth", "status"));
    }
    return {
      runs,
      bareNode: median(times.bareNode),
      version: median(times.version),
      authToken: median(times.authToken),
      authStatus: median(times.authStatus),
    };
  } finally {
    await saas.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

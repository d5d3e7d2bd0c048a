import { startFakeSaas } from "../fake-saas/server.ts";
import { logIn } from "./kill-rounds.ts";
import type { Machine } from "./kills.ts";

/** Says on standard error when the new file of sessions is in its place, by the clock that both processes share. */
const watchRename = `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const rename = fs.renameSync;
  fs.renameSync = (from, to) => {
    rename(from, to);
    if (/[\\\\/]sessions[\\\\/].*[\\\\/][0-9a-f]{16}$/.test(to)) fs.writeSync(2, "stored at " + (performance.timeOrigin + performance.now()) + "\\n");
  };
  syncBuiltinESMExports();`;

/**
 * For how long a process that refreshes has the only copy of the new refresh token: from the moment at which the service has
 * rotated it, and answers at once, to that at which it is stored. A service's own time between the two comes on top.
 *
 * @returns one width for each refresh, in milliseconds
 */
export async function widthOfWindow(machine: Machine, refreshes: number): Promise<number[]> {
  const saas = await startFakeSaas();
  const { env, remove } = machine.place(saas.url);
  try {
    await logIn({ saas, start: (args) => machine.start(args.split(" "), env) });
    let rotatedAt = 0;
    saas.changes.on("change", () => {
      if (rotatedAt === 0 && saas.counters.refreshes > done) rotatedAt = performance.timeOrigin + performance.now();
    });
    const widths: number[] = [];
    let done = 0;
    for (; done < refreshes; done = saas.counters.refreshes) {
      rotatedAt = 0;
      const { stderr } = await machine.start(["auth", "refresh"], env, [
        "--import",
        `data:text/javascript,${encodeURIComponent(watchRename)}`,
      ]).ended;
      widths.push(Number(/^stored at (\S+)$/m.exec(stderr)?.[1]) - rotatedAt);
    }
    return widths;
  } finally {
    await saas.close();
    remove();
  }
}

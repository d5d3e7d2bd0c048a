// The time of `auth token` with the key in gnome-keyring and with the encrypted file. Needs the packages of
// keychain.peer.ts.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../bench/valid-token.ts";
import { startFakeSaas } from "../fake-saas/server.ts";
import { runNode, startSession } from "./session.ts";

const bin = fileURLToPath(new URL("../../bin/spec-kitty.js", import.meta.url));
const BROWSER = fileURLToPath(new URL("../fake-saas/browser-approve.js", import.meta.url));

/**
 * Ratio of medians by the clock, keychain to file, in alternating runs.
 *
 * @param rounds - runs of each
 */
export async function keychainAgainstFile(rounds: number): Promise<number> {
  const desktop = await startSession();
  delete desktop.env["NODE_OPTIONS"];
  const saas = await startFakeSaas();
  try {
    await desktop.startGnomeKeyring();
    const places = ["file", "keychain"].map((storage) => {
      const folder = join(desktop.home, storage);
      return {
        env: {
          ...desktop.env,
          BROWSER,
          SPEC_KITTY_SAAS_URL: saas.url,
          SPEC_KITTY_CONFIG_DIR: folder,
          SPEC_KITTY_STORAGE: storage,
        },
        took: [] as number[],
      };
    });
    for (const { env } of places) {
      const { code, stderr } = await runNode([bin, "auth", "login"], env);
      if (code !== 0) throw new Error(stderr);
    }
    for (let round = 0; round <= rounds; round += 1) {
      for (const { env, took } of places) {
        const start = performance.now();
        const { status, stderr } = spawnSync(process.execPath, [bin, "auth", "token"], { env, encoding: "utf8" });
        if (status !== 0) throw new Error(stderr);
        // The first one has cold caches.
        if (round > 0) took.push(performance.now() - start);
      }
    }
    const [file = Number.NaN, keychain = Number.NaN] = places.map(({ took }) => median(took));
    return keychain / file;
  } finally {
    await saas.close();
    await desktop.stop();
  }
}

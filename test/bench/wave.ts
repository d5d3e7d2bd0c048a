import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startFakeSaas } from "../fake-saas/server.ts";
import { commandEnvironment } from "../helpers/command.ts";
import { sessionOf, storedSession, storeSession } from "../helpers/stored-session.ts";

const script = fileURLToPath(new URL("wave-process.js", import.meta.url));

/** What became of a session that a number of processes held when it expired. */
export interface WaveResult {
  client: string;
  processes: number;
  /** Requests with a refresh token. */
  requests: number;
  refreshes: number;
  /** Refresh tokens that were presented a second time. */
  reuses: number;
  /** Processes that ended up with a token that the service takes, once all are done. */
  served: number;
  /** Whether the next program can go on with what is stored. */
  survived: boolean;
}

/** Lets a number of processes find the same session expired at the same moment. */
export async function wave(
  client: "ours" | "oursForMcp" | "googleAuthLibrary" | "openidClient" | "mcpSdk",
  processes: number,
): Promise<WaveResult> {
  const saas = await startFakeSaas();
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-bench-"));
  try {
    const env = commandEnvironment(folder, saas.url);
    const session = sessionOf(saas);
    const file = join(folder, "tokens.json");
    const plain = {
      accessToken: session.accessToken.reveal(),
      refreshToken: session.refreshToken?.reveal(),
      expiresAt: session.accessTokenExpiresAt,
      tokenUrl: session.server.token_endpoint,
    };
    writeFileSync(file, JSON.stringify(plain), { mode: 0o600 });
    const isOurs = client === "ours" || client === "oursForMcp";
    if (isOurs) await storeSession(saas, env, session);
    const running = Array.from({ length: processes }, () => {
      const child = spawn(process.execPath, [script, client, file], { env, stdio: ["pipe", "pipe", "inherit"] });
      return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
    });
    for (const { lines } of running) await lines.next();
    for (const { child } of running) child.stdin.write("go\n");
    const tokens = await Promise.all(running.map(async ({ lines }) => String((await lines.next()).value)));
    const isGood = (token: string): boolean =>
      saas.accessTokens.get(token)?.session.ended === undefined && saas.accessTokens.has(token);
    const stored = isOurs
      ? (await storedSession(env))?.refreshToken?.reveal()
      : (JSON.parse(readFileSync(file, "utf8")) as { refreshToken?: string }).refreshToken;
    const grant = saas.refreshTokens.get(stored ?? "");
    return {
      client,
      processes,
      requests: saas.count("/oauth/token"),
      refreshes: saas.counters.refreshes,
      reuses: saas.counters.reuses,
      served: tokens.filter(isGood).length,
      survived: grant !== undefined && !grant.consumed && grant.session.ended === undefined,
    };
  } finally {
    await saas.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

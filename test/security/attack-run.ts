import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { ownIdentity } from "../../src/base/identity.ts";
import { securityClaims } from "../../src/cli/topics/security.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { stageFor, type Attack, type Casting, type Outcome } from "./stage.ts";

const folder = new URL("attacks/", import.meta.url);

export function attackNames(): string[] {
  return readdirSync(folder).map((file) => file.replace(/\.ts$/, ""));
}

/** In the order of `help security`. */
export function claimNames(): string[] {
  return securityClaims(ownIdentity).map(({ id }) => id);
}

/** Longer than any attack on a busy machine. */
const limitMs = 60_000;

/** Rejects when the claim does not hold, or `auth doctor` hides that. */
export async function runAttack(claim: string, casting: Casting): Promise<Outcome> {
  const { attack } = (await import(new URL(`${claim}.ts`, folder).href)) as { attack: Attack };
  const ends: (() => unknown)[] = [];
  const stage = stageFor({ after: (end) => void ends.unshift(end as () => unknown) }, casting);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${claim}: not ended after ${limitMs / 1000} s`)), limitMs);
  });
  try {
    const outcome = await Promise.race([attack(stage), late]);
    if (typeof outcome === "object" && "unavailable" in outcome) {
      const { here } = await stage.scene();
      const { findings } = JSON.parse((await here("auth doctor --json")).stdout) as JsonOutput["auth doctor"];
      const said = findings.filter(({ sentence }) => sentence.includes(claim));
      assert.equal(
        said.length,
        1,
        `${claim} is not available (${outcome.unavailable}), and auth doctor does not say so`,
      );
    }
    return outcome;
  } finally {
    clearTimeout(timer);
    for (const end of ends) await end();
  }
}

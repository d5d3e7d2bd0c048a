// The process of one column of the table: runs every attack and prints how each ended, a line of JSON for each.
import { claimNames, runAttack } from "./attack-run.ts";
import type { Casting } from "./stage.ts";

const casting = JSON.parse(process.argv[2] ?? "{}") as Casting;
for (const claim of claimNames()) {
  const outcome = await runAttack(claim, casting).catch((error: unknown) => ({
    moved: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }));
  console.log(JSON.stringify({ claim, outcome }));
}
process.exit(0);

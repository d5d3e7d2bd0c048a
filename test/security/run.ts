// One column of the table: prints each attack's outcome, a line of JSON each.
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

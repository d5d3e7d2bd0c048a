// `node --import tsx test/docs/picture.ts`: takes the README's picture of a login anew. Needs tmux, and the built command.
import { writeFileSync } from "node:fs";
import { drawScreen, recordLogin } from "./login-picture.ts";

const cleanUp: (() => unknown)[] = [];
try {
  const lines = await recordLogin({ after: (step?: unknown) => void cleanUp.push(step as () => unknown) });
  writeFileSync(new URL("login.svg", import.meta.url), drawScreen(lines, "A login in a terminal, and an authenticated request"));
} finally {
  for (const step of cleanUp) await step();
}

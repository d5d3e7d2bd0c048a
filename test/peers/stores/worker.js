// WORKERS workers with one login: each prints its outcome, a line of JSON. Before the step PAUSE the process stops
// itself, once: an interrupted save is tried again.
import { createAuth } from "../../../dist/index.js";
import { makeStore } from "./make.js";
import { outcomeOf } from "./outcome.js";

const { ISSUER: issuer, LOGIN: login, PAUSE, SILENT_AFTER_MS, STATE: XDG_STATE_HOME, WORKERS } = process.env;
const inner = await makeStore();
let [saves, isAnswered, isPaused] = [0, false, false];
function pause(step) {
  if (step !== PAUSE || isPaused) return;
  isPaused = true;
  process.kill(process.pid, "SIGSTOP");
}

const store = {
  ...inner,
  close: undefined,
  async save(...args) {
    const isFirst = (saves += 1) === 1;
    if (isFirst) pause("intent");
    if (isAnswered) pause("save");
    const version = await inner.save(...args);
    if (isFirst) pause("send");
    return version;
  },
};

async function work() {
  const auth = createAuth({
    name: "fleet",
    version: "1.0.0",
    issuer,
    store,
    login,
    seal: Buffer.alloc(32, 7),
    silentAfterMs: Number(SILENT_AFTER_MS ?? 90_000),
    env: { XDG_STATE_HOME },
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith("/oauth/token")) return response;
      pause("answer");
      isAnswered = true;
      return response;
    },
  });
  console.log(JSON.stringify(await outcomeOf(auth)));
}

await Promise.all(Array.from({ length: Number(WORKERS) }, work));
process.exit();

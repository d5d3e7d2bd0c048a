// A worker that shares a login: prints a token, or the code of the error. PAUSE names the step before which it stops itself.
import { createAuth } from "../../../dist/index.js";
import { makeStore } from "./make.js";

const { ISSUER: issuer, PAUSE, SILENT_AFTER_MS } = process.env;
const pause = (step) => step === PAUSE && process.kill(process.pid, "SIGSTOP");
const inner = await makeStore();
let saves = 0;
const store = {
  ...inner,
  async save(...args) {
    saves += 1;
    pause(saves === 1 ? "intent" : "store");
    const version = await inner.save(...args);
    pause(saves === 1 ? "send" : "stored");
    return version;
  },
};
const auth = createAuth({
  name: "fleet",
  version: "1.0.0",
  issuer,
  store,
  seal: Buffer.alloc(32, 7),
  silentAfterMs: Number(SILENT_AFTER_MS ?? 90_000),
  env: {},
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    if (String(input).endsWith("/oauth/token")) pause("answer");
    return response;
  },
});
try {
  console.log((await auth.getToken()).token);
  await auth.close();
} catch (error) {
  console.log(error.code ?? error.stack);
}
process.exit();

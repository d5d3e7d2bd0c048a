import { parseArgs } from "node:util";
import { startFakeSaas } from "./server.ts";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "access-token-seconds": { type: "string", default: "3600" } },
});

const saas = await startFakeSaas({
  port: Number(values.port),
  accessTokenSeconds: Number(values["access-token-seconds"]),
});
console.log(`fake service at ${saas.url}, until Ctrl-C; in another terminal:

  export SPEC_KITTY_SAAS_URL=${saas.url}
  spec-kitty auth login
`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void saas.close());

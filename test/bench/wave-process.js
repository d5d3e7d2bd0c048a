// One process of the wave: `node wave-process.js CLIENT [FILE]`. It takes up the session, says so, waits for a line, and asks
// for an access token: all of them hold the same expired session by then, as programs do that have run for a while.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [, , name = "", file = ""] = process.argv;

async function ours() {
  const { getTokenManager } = await import("../../dist/index.js");
  const tokens = getTokenManager();
  await tokens.service();
  return { getAccessToken: () => tokens.getAccessToken(), store: () => undefined };
}

/** What the MCP SDK is given as its `fetch`. */
async function oursForMcp() {
  const { createAuth } = await import("../../dist/index.js");
  const { mcpFetch } = await import("../../dist/app/adapters.js");
  const auth = createAuth({ name: "spec-kitty", version: "0.0.0", issuer: process.env.SPEC_KITTY_SAAS_URL });
  const fetch = mcpFetch(auth);
  await auth.session();
  const getAccessToken = async () => {
    await fetch("/api/v1/me");
    return auth.getAccessToken();
  };
  return { getAccessToken, store: () => undefined };
}

async function peer() {
  const { [name]: create } = await import("../peers/bench-clients.js");
  const client = await create(JSON.parse(readFileSync(file, "utf8")), file);
  if (client.stored === undefined) return { getAccessToken: client.getAccessToken, store: () => undefined };
  // Written whole, which is more than most programs do.
  const store = () => {
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(client.stored()), { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  };
  return { getAccessToken: client.getAccessToken, store };
}

const client = await (name === "ours" ? ours() : name === "oursForMcp" ? oursForMcp() : peer());
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  try {
    const token = await client.getAccessToken();
    client.store();
    console.log(token);
  } catch {
    console.log("failed");
  }
  break;
}
process.exit(0);

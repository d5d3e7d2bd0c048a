// A resource names the issuer of the environment's client, to get that issuer's tokens.
import assert from "node:assert/strict";
import { provided } from "../../helpers/provided.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const answers: Record<string, object> = {};
  const refusals: Record<string, { status: number; headers: Record<string, string> }> = {};
  const { provider, service, here, session } = await provided(stage, {}, answers, refusals);
  const challenge = { "www-authenticate": `Bearer resource_metadata="${service}/metadata"` };
  refusals["/mcp"] = { status: 401, headers: challenge };
  answers["/metadata"] = { resource: `${service}/mcp`, authorization_servers: [provider.issuer] };
  const ambient = { SPEC_KITTY_SAAS_URL: undefined, SPEC_KITTY_CLIENT_ID: "cli_native" };
  const { code, stdout, stderr } = await here(`auth login ${service}/mcp`, ambient);
  assert.deepEqual([code, stdout], [2, ""], stderr);
  for (const named of [`${service}/mcp`, provider.issuer]) assert.ok(stderr.includes(`"${named}"`), stderr);
  assert.ok(provider.paths.every((path) => path.startsWith("/.well-known/")));
  assert.equal(await session(), undefined);
  return "held";
};

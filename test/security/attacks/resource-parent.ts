// A tenant's metadata name the whole shared host as the resource: its tokens would be good for every other tenant.
import assert from "node:assert/strict";
import { provided } from "../../helpers/provided.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const answers: Record<string, object> = {};
  const refusals: Record<string, { status: number; headers: Record<string, string> }> = {};
  const { provider, service, here, session } = await provided(stage, { registers: true }, answers, refusals);
  const tenant = `${service}/tenant`;
  const challenge = { "www-authenticate": `Bearer resource_metadata="${tenant}/metadata"` };
  refusals["/tenant"] = { status: 401, headers: challenge };
  answers["/tenant/metadata"] = { resource: service, authorization_servers: [provider.issuer] };
  const logIn = () => here(`auth login ${tenant}`, { SPEC_KITTY_SAAS_URL: undefined });

  const alone = await logIn();
  assert.deepEqual([alone.code, alone.stdout], [1, ""], alone.stderr);
  assert.match(alone.stderr, /sent the metadata of "[^"]*", not of "[^"]*\/tenant"/);

  // Even if the host is its own resource, its token is not for a tenant, unless the user agrees.
  answers["/.well-known/oauth-protected-resource"] = { resource: service, authorization_servers: [provider.issuer] };
  const asked = await logIn();
  assert.deepEqual([asked.code, asked.stdout], [2, ""], asked.stderr);
  for (const named of [tenant, service]) assert.ok(asked.stderr.includes(`"${named}"`), asked.stderr);
  assert.deepEqual(provider.paths, [], "nobody was sent anywhere");
  assert.equal(await session(), undefined);
  return "held";
};

// A path that leaves the service for its neighbor, as some gateway reads it.
import assert from "node:assert/strict";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene({ basePath: "/ours" });
  await signIn(saas, env);
  const { origin } = new URL(saas.url);
  for (const path of [
    "/../theirs",
    "/%2e%2e/theirs",
    "/..%2ftheirs",
    "/%252e%252e/theirs",
    "/..%5ctheirs",
    "/..;/theirs",
    "//evil.example/",
    "/\\evil.example/",
    `${origin}/theirs`,
    `${origin}/oursandmore`,
    `${origin}@evil.example/`,
  ]) {
    const before = saas.requests.length;
    await here(`api GET ${path}`);
    for (const { headers } of saas.requests.slice(before)) assert.equal(headers.authorization, undefined, path);
  }
  assert.equal((await here("api GET /api/v1/me")).code, 0);
  return "held";
};

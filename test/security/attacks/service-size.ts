// A service with endless responses.
import assert from "node:assert/strict";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

const endless = { bytes: 2 ** 30 };

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  // The peak in KiB, which the kernel tells without /proc.
  const before = process.resourceUsage().maxRSS;
  for (const [path, args] of [
    ["/api/v1/me", "auth status --check"],
    ["/oauth/token", "auth refresh"],
    ["/.well-known/oauth-authorization-server", "auth login --force --headless"],
  ] as const) {
    saas.faults.next(path, endless);
    if (args.startsWith("auth login")) saas.faults.next("/oauth/device", endless);
    const { code, stderr } = await here(args);
    assert.notEqual(code, 0, args);
    assert.match(stderr, /^error: /m);
  }
  const grown = (process.resourceUsage().maxRSS - before) / 1024;
  assert.ok(grown < 256, `${grown} MB were held`);
  return "held";
};

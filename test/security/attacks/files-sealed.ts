// An attacker with a copy of the sessions' directory, or with write access to some bytes.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesUnder } from "../../helpers/scene.ts";
import { signIn, storedSession } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here, config } = await stage.scene();
  await signIn(saas, env);
  const { accessToken, refreshToken } = (await storedSession(env)) ?? assert.fail("there is a session");
  const secrets = [accessToken.reveal(), refreshToken?.reveal() ?? "", "alice@example.com"];
  const files = filesUnder(config);
  assert.ok(files.size > 0);
  for (const [name, content] of files)
    for (const secret of secrets) assert.ok(!content.includes(secret), `${name} has a secret in it`);

  const thief = await stage.scene();
  mkdirSync(thief.config, { recursive: true, mode: 0o700 });
  cpSync(config, thief.config, { recursive: true, force: true });
  assert.notEqual((await thief.here("auth token")).code, 0, "a copy without the key opens nothing");

  for (const [name, content] of files) {
    if (!name.includes("sessions")) continue;
    const path = join(config, name);
    for (const at of [content.length - 20, Math.floor(content.length / 2)]) {
      const changed = Buffer.from(readFileSync(path));
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(path, changed);
      assert.notEqual((await here("auth token")).code, 0, `${name}: a changed byte was not noticed`);
      writeFileSync(path, content);
    }
  }
  assert.equal((await here("auth token")).stdout, `${secrets[0]}\n`);
  return "held";
};

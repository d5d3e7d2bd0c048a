// A reader of all output, with every option that adds to it.
import assert from "node:assert/strict";
import { echo } from "../../helpers/scene.ts";
import { signIn, storedSession } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const secrets = new Set<string>(["hunter2"]);
  const learn = async (): Promise<void> => {
    const { accessToken, refreshToken } = (await storedSession(env)) ?? {};
    for (const secret of [accessToken, refreshToken]) if (secret !== undefined) secrets.add(secret.reveal());
  };
  await learn();
  saas.faults.next(echo, {
    status: 400,
    body: { error: "invalid_request", error_description: `not ${[...secrets].at(1)}` },
    headers: {
      "cf-access-jwt-assertion": "hunter2",
      location: "https://hunter2@elsewhere.example/?SAMLResponse=hunter2",
    },
  });
  for (const command of [
    `api POST ${echo}?jwt=hunter2 -d hunter2 -H X-Password:hunter2`,
    "auth refresh",
    "auth status --check",
    "auth list",
    "auth doctor",
    "auth token --scope nothing",
    "auth logout",
  ]) {
    const { stdout, stderr } = await here(`${command} --verbose --debug`);
    await learn();
    const answer = command.startsWith("api") ? "" : stdout;
    for (const secret of secrets) assert.ok(!`${answer}${stderr}`.includes(secret), `${command} says a secret`);
  }
  return "held";
};

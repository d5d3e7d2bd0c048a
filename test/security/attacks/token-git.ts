// A repository that has git ask for credentials for another host, or a cluster that is not the user's.
import assert from "node:assert/strict";
import { withInput } from "../../helpers/command-here.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const { host } = new URL(saas.url);
  const ask = async (attributes: string): Promise<string> =>
    (await withInput(`${attributes}\n\n`, () => here("auth git-credential get"))).stdout;
  for (const asked of [
    "protocol=https\nhost=evil.example\npath=a.git",
    `protocol=https\nhost=${host}\npath=a.git`,
    `protocol=http\nhost=${host}.evil.example\npath=a.git`,
    `protocol=http\nhost=evil.example\nhost=${host}\nhost=evil.example`,
    `url=http://${host}@evil.example/a.git`,
  ])
    assert.ok(!(await ask(asked)).includes("at_"), asked);
  const cluster = "https://cluster.example";
  for (const [server, more] of [
    ["https://evil.example", {}],
    [`${cluster}.evil.example`, {}],
    [cluster, { "insecure-skip-tls-verify": true }],
  ] as const) {
    const spec = { cluster: { server, ...more } };
    const info = JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", spec });
    const { code, stdout } = await here(`auth exec-credential --cluster ${cluster}`, { KUBERNETES_EXEC_INFO: info });
    assert.deepEqual([code, stdout], [2, ""], server);
  }
  return "held";
};

// A repository lets git, Docker or Bazel ask for another host's credentials, or a cluster is not the user's.
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
  const give = async (helper: string, input: string): Promise<string> =>
    (await withInput(input, () => here(`auth ${helper}-credential get`))).stdout;
  assert.match(await give("docker", host), /at_/);
  // This host for browsers, the other one by RFC 3986, as in Python's libraries.
  for (const other of [
    `${host}\\@evil.example`,
    `evil.example/${host}`,
    `${host}@evil.example`,
    `${host}.evil.example`,
  ]) {
    assert.ok(!(await give("docker", other)).includes("at_"), other);
    assert.ok(!(await give("docker", `http://${other}`)).includes("at_"), other);
    assert.equal(await give("bazel", JSON.stringify({ uri: `http://${other}/cache` })), "{}\n", other);
  }
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

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CommandEnvironment } from "../../../helpers/command.ts";
import { scene, type Scene } from "../../../helpers/scene.ts";
import { sessionOf, storeSession } from "../../../helpers/stored-session.ts";

async function loggedIn(t: TestContext, leftMs = 3_600_000): Promise<Scene & { token: string; host: string }> {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs });
  await storeSession(at.saas, at.env, session);
  return { ...at, token: session.accessToken.reveal(), host: new URL(at.saas.url).host };
}

const v1 = "client.authentication.k8s.io/v1";

/** The environment from a Kubernetes client for a cluster. */
function askedBy(server?: string, more: object = {}): CommandEnvironment {
  return {
    KUBERNETES_EXEC_INFO: JSON.stringify({
      apiVersion: v1,
      kind: "ExecCredential",
      spec: { interactive: false, ...(server !== undefined && { cluster: { server, ...more } }) },
    }),
  };
}

test("exec-credential responds only to its own version, and only when logged in", async (t) => {
  const at = await loggedIn(t);
  for (const info of [
    JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1beta1" }),
    "null",
    "{}",
    "not JSON",
  ]) {
    const { code, stdout, stderr } = await at.here("auth exec-credential", { KUBERNETES_EXEC_INFO: info });
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^error: KUBERNETES_EXEC_INFO .*\nhint: In the kubeconfig, set apiVersion/);
  }
  const nobody = await scene(t);
  assert.equal((await nobody.here("auth exec-credential")).code, 4);
});

test("S-010 exec-credential gives a token to no cluster but the one that it was set up for", async (t) => {
  const at = await loggedIn(t);
  for (const [args, server, message] of [
    [
      "",
      "https://cluster.example",
      /^error: the client requests a token for the cluster https:\/\/cluster\.example, and --cluster is not set\nhint: .*add "--cluster"/,
    ],
    [
      " --cluster https://cluster.example",
      undefined,
      /^error: the client does not name its cluster\nhint: .*provideClusterInfo: true/,
    ],
    [
      " --cluster https://cluster.example",
      "https://other.example",
      /^error: the token is for the cluster https:\/\/cluster\.example, not for https:\/\/other\.example\nhint: /,
    ],
    [" --cluster https://cluster.example", "https://cluster.example.evil.example", /the token is for the cluster /],
    [
      " --cluster https://cluster.example",
      "https://cluster.example/k8s/clusters/other",
      /the token is for the cluster /,
    ],
    [" --cluster https://cluster.example", "http://cluster.example", /the token is for the cluster /],
    [
      " --cluster http://cluster.example",
      "http://cluster.example",
      /^error: the cluster http:\/\/cluster\.example would get the token over plain http\nhint: /,
    ],
    [" --cluster nonsense", "nonsense", /does not name its cluster/],
  ] as const) {
    const { code, stdout, stderr } = await at.here(`auth exec-credential${args}`, askedBy(server));
    assert.deepEqual([code, stdout], [2, ""], `${args} ${server}`);
    assert.match(stderr, message);
  }
});

test("S-010 exec-credential gives no token to a cluster whose certificate kubectl does not verify, unless told to", async (t) => {
  const at = await loggedIn(t);
  const line = "auth exec-credential --cluster https://cluster.example";
  for (const unverified of [true, "true", 1, null]) {
    const info = askedBy("https://cluster.example", { "insecure-skip-tls-verify": unverified });
    const { code, stdout, stderr } = await at.here(line, info);
    if (unverified === null) {
      assert.equal(code, 0, stderr);
      continue;
    }
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(
      stderr,
      /^error: the client does not verify the certificate of the cluster https:\/\/cluster\.example, so the token could be stolen\nhint: .* add --insecure-skip-tls-verify to args\n$/,
    );
    const told = await at.here(`${line} --insecure-skip-tls-verify`, info);
    assert.match((JSON.parse(told.stdout) as { status: { token: string } }).status.token, /^at_/);
  }
  const verified = askedBy("https://cluster.example", { "insecure-skip-tls-verify": false });
  assert.equal((await at.here(line, verified)).code, 0);
});

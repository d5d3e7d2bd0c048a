// An issuer whose URLs would start another program, or show the login to the network.
import assert from "node:assert/strict";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { runHere } from "../../helpers/command-here.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const hostile = await MockProvider.start();
  stage.after(() => void hostile.close());
  const { env } = await stage.scene({}, { SPEC_KITTY_SAAS_URL: undefined });
  for (const address of [
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ms-msdt:/id",
    "http://login.example/authorize",
    "http://127.0.0.1.evil.example/",
    "--version",
    "https://user:password@login.example/",
  ]) {
    hostile.misbehaviour = { metadata: (metadata) => ({ ...metadata, authorization_endpoint: address }) };
    const { code, stdout, stderr } = await runHere(
      ["auth", "login", "--issuer", hostile.issuer, "--client-id", "cli_native", "--no-browser"],
      env,
    );
    assert.deepEqual([code, stdout], [1, ""], address);
    assert.match(stderr, /^error: .*authorization_endpoint/m);
    assert.doesNotMatch(stderr, /Opening the browser|Open this URL/);
  }
  // One argument of one program, whatever a shell would make of it.
  hostile.misbehaviour = {
    metadata: (metadata) => ({
      ...metadata,
      authorization_endpoint: `${hostile.issuer}/authorize?a=$(id)&b=\`id\`;c|d`,
    }),
  };
  const { opened, ended } = await stage.login(env, [
    "--issuer",
    hostile.issuer,
    "--client-id",
    "cli_native",
    "--scope",
    "openid",
  ]);
  if ("address" in opened) assert.match(opened.address, /^http:\/\/127\.0\.0\.1:\d+\/start\/[\w-]{22}$/);
  process.emit("SIGINT");
  assert.equal((await ended).code, 130);
  return "held";
};

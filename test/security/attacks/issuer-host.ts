// An issuer's metadata name another server's login, with a token endpoint of its own to get that code.
import assert from "node:assert/strict";
import { MockProvider } from "../../conformance/mock-provider.ts";
import { runHere } from "../../helpers/command-here.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const hostile = await MockProvider.start();
  stage.after(() => void hostile.close());
  const { saas, env } = await stage.scene({}, { SPEC_KITTY_SAAS_URL: undefined });
  hostile.misbehaviour = {
    metadata: (metadata) => ({
      ...metadata,
      authorization_endpoint: `${saas.url}/oauth/authorize`,
      device_authorization_endpoint: `${saas.url}/oauth/device`,
    }),
  };
  for (const how of ["--no-browser", "--headless"]) {
    const { code, stdout, stderr } = await runHere(
      ["auth", "login", "--issuer", hostile.issuer, "--client-id", "cli_native", how, "--yes"],
      env,
    );
    assert.deepEqual([code, stdout], [2, ""], stderr);
    for (const { host } of [new URL(hostile.issuer), new URL(saas.url)]) assert.ok(stderr.includes(host), stderr);
    assert.equal(saas.requests.length, 0, "nobody was sent there");
    assert.ok(hostile.paths.every((path) => path.startsWith("/.well-known/")));
  }
  return "held";
};

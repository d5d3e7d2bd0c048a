// A service, or its impostor for one response, redirects a request to another origin to get its token.
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { echo } from "../../helpers/scene.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const got: { headers: IncomingHttpHeaders; body: string }[] = [];
  const thief = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += String(part);
    got.push({ headers: request.headers, body });
    response.writeHead(401, { "content-type": "application/json" }).end('{"error":"session_invalid"}');
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => thief.once("listening", resolve));
  stage.after(() => void thief.close());
  const elsewhere = `http://127.0.0.1:${(thief.address() as AddressInfo).port}/take`;
  for (const status of [301, 302, 307, 308]) {
    saas.faults.next(echo, { status, headers: { location: elsewhere } });
    await here(`api POST ${echo} -d secret -H X-Key:secret`);
  }
  await here(`api GET ${elsewhere}`);
  for (const { headers, body } of got) {
    assert.equal(headers.authorization, undefined);
    assert.ok(!JSON.stringify(headers).includes("secret") && body === "", JSON.stringify(headers));
  }
  // A refusal there does not end the session.
  const { code, stdout } = await here("auth whoami");
  assert.deepEqual([code, stdout], [0, "alice@example.com\n"]);
  return "held";
};

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Fetch } from "../../src/base/runtime-types.ts";
import { testCertificate } from "./certificate.ts";
import { commandEnvironment, scratchFolder, type CommandEnvironment } from "./command.ts";
import { startProxy } from "./proxy.ts";

export interface InternetRequest {
  /** Such as `POST github.com/login/oauth/access_token`. */
  readonly to: string;
  readonly form: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
}

/**
 * A test's own internet: a proxy leads every host to one TLS server here, so that providers keep their URLs.
 *
 * @param hosts - all there are
 * @param answer - their responses
 * @returns the environment for a command, the requests, and a way for commands in this process
 */
export async function internet(
  t: TestContext,
  hosts: readonly [string, ...string[]],
  answer: (request: InternetRequest) => Response,
): Promise<{ env: CommandEnvironment; requests: InternetRequest[]; fetch: Fetch }> {
  const requests: InternetRequest[] = [];
  const ask = (to: string, body: string, headers: IncomingHttpHeaders): Response => {
    const asked = { to, form: Object.fromEntries(new URLSearchParams(body)), headers };
    requests.push(asked);
    return answer(asked);
  };
  const { key, cert } = testCertificate(...hosts);
  const server = createServer({ key, cert }, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { method, url, headers } = request;
    const answered = ask(`${method} ${headers.host}${url}`, body, headers);
    response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text());
  }).listen(0, "127.0.0.1");
  t.after(() => (server.closeAllConnections(), server.close()));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const proxy = await startProxy({ routes: Object.fromEntries(hosts.map((host) => [`${host}:443`, port])) });
  t.after(() => proxy[Symbol.asyncDispose]());
  const folder = scratchFolder(t);
  const authority = join(folder, "authority.pem");
  writeFileSync(authority, cert);
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init);
    const { protocol, host, pathname, search } = new URL(request.url);
    if (protocol !== "https:" || !hosts.includes(host)) throw new TypeError(`there is no ${host}`);
    return ask(
      `${request.method} ${host}${pathname}${search}`,
      await request.text(),
      Object.fromEntries(request.headers),
    );
  };
  return {
    env: commandEnvironment(folder, undefined, { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority }),
    requests,
    fetch,
  };
}

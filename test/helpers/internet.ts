import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { testCertificate } from "./certificate.ts";
import { commandEnvironment, scratchFolder, type CommandEnvironment } from "./command.ts";
import { startProxy } from "./proxy.ts";

/** A request to a host of the internet. */
export interface InternetRequest {
  /** Method, host and path: `POST github.com/login/oauth/access_token`. */
  readonly to: string;
  readonly form: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
}

/**
 * An internet of the test's own: the command reaches it through a proxy that leads every host of it to one TLS server here, so that
 * addresses of providers are asked as they are.
 *
 * @param hosts - all there are
 * @param answer - what they answer
 * @returns the environment of a command there, and what was asked
 */
export async function internet(
  t: TestContext,
  hosts: readonly [string, ...string[]],
  answer: (request: InternetRequest) => Response,
): Promise<{ env: CommandEnvironment; requests: InternetRequest[] }> {
  const requests: InternetRequest[] = [];
  const { key, cert } = testCertificate(...hosts);
  const server = createServer({ key, cert }, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { method, url, headers } = request;
    const asked = { to: `${method} ${headers.host}${url}`, form: Object.fromEntries(new URLSearchParams(body)), headers };
    requests.push(asked);
    const answered = answer(asked);
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
  return { env: commandEnvironment(folder, undefined, { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority }), requests };
}

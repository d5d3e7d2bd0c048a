import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Session } from "../../src/auth/sessions/session.ts";
import { MockProvider, type MockProviderOptions } from "../conformance/mock-provider.ts";
import {
  commandEnvironment,
  runCommand,
  scratchFolder,
  type CommandEnvironment,
  type CommandResult,
} from "./command.ts";
import { lineHere, type runHere } from "./command-here.ts";
import { storedSession } from "./stored-session.ts";

export interface ApiRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Provided {
  provider: MockProvider;
  /** The service for the provider's tokens. */
  service: string;
  requests: ApiRequest[];
  env: CommandEnvironment;
  credentials: string;
  run(args: string, more?: CommandEnvironment): Promise<CommandResult>;
  /** The same in this process, see {@link runHere}. */
  here(args: string, more?: CommandEnvironment, own?: Parameters<typeof runHere>[2]): Promise<CommandResult>;
  session(): Promise<Session | undefined>;
}

/** A provider and a separate service with the API in `answers`, by path. */
export async function provided(
  t: Pick<TestContext, "after">,
  options: MockProviderOptions = {},
  answers: Record<string, object> = {},
  refusals: Record<string, { status: number; headers?: Record<string, string> }> = {},
): Promise<Provided> {
  const provider = await MockProvider.start(options);
  t.after(() => provider.close());
  const requests: ApiRequest[] = [];
  const api = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? "";
    requests.push({ path, headers: request.headers, body });
    const answer = answers[path];
    const refusal = refusals[path];
    if (refusal) return void response.writeHead(refusal.status, refusal.headers).end();
    response
      .writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
      .end(JSON.stringify(answer ?? { error: "not_found" }));
  });
  await new Promise<void>((listening) => api.listen(0, "127.0.0.1", listening));
  t.after(() => void api.close());
  const service = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, service);
  return {
    provider,
    service,
    requests,
    env,
    credentials: join(folder, "config", "keys"),
    run: (args, more = {}) => runCommand(t, args.split(" "), { ...env, ...more }),
    here: (args, more = {}, own = {}) => lineHere(args, { ...env, ...more }, own),
    session: () => storedSession(env),
  };
}

export const me: object = {
  user_id: "u_42",
  email: "alice@acme.example",
  teams: [{ id: "tm_acme", name: "Acme Corp" }],
};
export const loginAt = (provider: MockProvider): string =>
  `auth login --issuer ${provider.issuer} --client-id cli_native --scope openid`;

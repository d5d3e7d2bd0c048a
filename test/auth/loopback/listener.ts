import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { authorizationResponse } from "../../../src/auth/oauth/authorization-code.ts";
import { type CallbackListener, listenForCallback } from "../../../src/auth/loopback/callback-server.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { ownIdentity } from "../../../src/base/identity.ts";
import { Secret } from "../../../src/base/secret.ts";
import { until } from "../../helpers/until.ts";

export const state = "s".repeat(43);
export const query = `?code=c0de&state=${state}`;

/** Stands still until `advance`. */
export function manualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const sleepers = new Set<{ due: number; wake: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper = { due: now + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    timeout: () => new AbortController().signal,
  };
  const advance = (ms: number): void => {
    now += ms;
    for (const sleeper of sleepers) if (sleeper.due <= now && sleepers.delete(sleeper)) sleeper.wake();
  };
  return { ...clock, advance };
}

export async function listen(
  options: Partial<Parameters<typeof listenForCallback>[0]> = {},
): Promise<CallbackListener> {
  const listener = await listenForCallback({
    judge: (params) => authorizationResponse(params, { state: new Secret(state) }),
    clock: manualClock(),
    owner: { identity: ownIdentity, issuer: "login.example" },
    path: "/callback",
    ...options,
  });
  return {
    ...listener,
    get callback() {
      return until("the login has its answer", listener.callback);
    },
  };
}

/** Settles once this process has no server. The port would not tell: another program may take it at once. */
export async function portClosed(): Promise<void> {
  await until("the port is closed", () => !process.getActiveResourcesInfo().includes("TCPServerWrap"));
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Without redirects. */
export function ask(
  url: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
  return until(`${method} ${url} is answered`, answer);
}

/** Follows redirects as a browser, and returns the last URL. */
export async function browse(url: string): Promise<Answer & { shown: string }> {
  const answer = await ask(url);
  const { location } = answer.headers;
  if (answer.status !== 303 || typeof location !== "string") return { ...answer, shown: url };
  return browse(new URL(location, url).href);
}

/** Sends `text` and stays open. */
export function open(port: number, text = ""): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      if (text === "") return resolve(socket);
      socket.write(text, () => resolve(socket));
    });
    socket.once("error", reject);
  });
}

/** Everything until the end or a reset, which reaches writers. */
export async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => (text += part));
  await until("the connection is closed", new Promise((resolve) => void socket.once("close", resolve)));
  return text;
}

export function portOf(listener: CallbackListener): number {
  return Number(new URL(listener.redirectUri).port);
}

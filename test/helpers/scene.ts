import { once } from "node:events";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { startFakeSaas, type FakeSaas } from "../fake-saas/server.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import {
  commandEnvironment,
  runCommand,
  scratchFolder,
  type CommandEnvironment,
  type CommandResult,
} from "./command.ts";
import { lineHere, type runHere } from "./command-here.ts";

/** A service, a directory, and the real command. */
export interface Scene {
  saas: FakeSaas;
  /** Everything the command can write: home, configuration, runtime directory. */
  folder: string;
  config: string;
  credentials: string;
  env: CommandEnvironment;
  run(args: string, more?: CommandEnvironment): Promise<CommandResult>;
  /** The same in this process, see {@link runHere}. */
  here(args: string, more?: CommandEnvironment, own?: Parameters<typeof runHere>[2]): Promise<CommandResult>;
}

/** Removed after the test. `args` of {@link Scene.run} are split at spaces. */
export async function scene(
  t: Pick<TestContext, "after">,
  options: Partial<FakeOptions> = {},
  more: CommandEnvironment = {},
): Promise<Scene> {
  const saas = await startFakeSaas(options);
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const env = commandEnvironment(folder, saas.url, more);
  const config = env["SPEC_KITTY_CONFIG_DIR"] ?? join(folder, "config");
  const run: Scene["run"] = (args, others = {}) => runCommand(t, args.split(" "), { ...env, ...others });
  const here: Scene["here"] = (args, others = {}, own = {}) => lineHere(args, { ...env, ...others }, own);
  return { saas, folder, config, credentials: join(config, "keys"), env, run, here };
}

/** The service returns the request there. */
export const echo = "/api/v1/echo";

export interface Echo {
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** By path, with content; nothing without the directory. */
export function filesUnder(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let names: string[] = [];
  try {
    names = readdirSync(folder, { recursive: true }) as string[];
  } catch {}
  for (const name of names) {
    const path = join(folder, name);
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile()) found.set(name, readFileSync(path));
  }
  return found;
}

/** Node's arguments to change one duration: `AbortSignal.timeout(from)` and `setTimeout(…, from)` take `to`. */
export function hurried(from: number, to: number): string[] {
  const code = `
    const timeout = AbortSignal.timeout.bind(AbortSignal), timer = globalThis.setTimeout;
    AbortSignal.timeout = (ms) => timeout(ms === ${from} ? ${to} : ms);
    globalThis.setTimeout = (run, ms, ...rest) => timer(run, ms === ${from} ? ${to} : ms, ...rest);`;
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
}

/** Node's arguments for a process `factor` times as fast: clocks and timers. */
export function accelerated(factor: number): string[] {
  const code = `
    const wall = Date.now, steady = process.hrtime, timer = globalThis.setTimeout, start = wall(), steadyStart = steady();
    Date.now = () => Math.round(start + (wall() - start) * ${factor});
    process.hrtime = () => {
      const [seconds, nanoseconds] = steady(steadyStart);
      const ms = (seconds * 1000 + nanoseconds / 1e6) * ${factor};
      return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
    };
    // Ten seconds are the limit on a service's answer, and the service is as fast as ever.
    globalThis.setTimeout = (run, ms, ...rest) => timer(run, ms === 10_000 ? ms : Math.ceil(ms / ${factor}), ...rest);`;
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
}

/**
 * As {@link accelerated} for a command in this process. Limits on responses are real: the service is as fast as ever.
 */
export function fastClock(factor: number): Clock {
  const now = fastNow(factor);
  const start = systemClock.monotonic();
  return {
    now,
    monotonic: () => start + (systemClock.monotonic() - start) * factor,
    sleep: (ms, options) => systemClock.sleep(ms / factor, options),
    timeout: systemClock.timeout,
  };
}

/** Node's arguments to set the wall clock ahead, in milliseconds. */
export function later(ms: number): string[] {
  return [
    "--import",
    `data:text/javascript,${encodeURIComponent(`const wall = Date.now; Date.now = () => wall() + ${ms};`)}`,
  ];
}

/**
 * Node's arguments for a process that says "writes" on stderr, under its lock, and waits for a line before its first file
 * is in its place.
 */
export function beforeItsWrite(): string[] {
  const code = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { renameSync } = fs;
    fs.renameSync = (from, to) => {
      if (String(from).endsWith(".tmp")) {
        fs.renameSync = renameSync;
        syncBuiltinESMExports();
        fs.writeSync(2, "writes\\n");
        fs.readSync(0, Buffer.alloc(1));
      }
      renameSync(from, to);
    };
    syncBuiltinESMExports();`;
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
}

/** As {@link accelerated} for a fake service's clock. */
export function fastNow(factor: number): () => number {
  const start = Date.now();
  return () => start + (Date.now() - start) * factor;
}

/** Sends given bytes, whatever the request. */
export async function rawService(t: TestContext, answer: (socket: Socket, request: Buffer) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy()).once("data", (request) => answer(socket, request));
    t.after(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A free port. Those that a login searches are shared with all running tests. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

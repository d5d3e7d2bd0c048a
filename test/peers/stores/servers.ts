// The stores' servers from Debian packages, each on a loopback port with data in a scratch directory.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** Can be stopped and started again, with its data. */
export interface StoreServer {
  readonly url: string;
  start(): Promise<void>;
  /** As a crash does. */
  kill(): Promise<void>;
  /** Stops it and removes its data. */
  end(): Promise<void>;
}

/** Running servers and workers: a time limit must leave none, not even stopped ones. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function endWithThis(child: ChildProcess): void {
  running.add(child);
  child.once("exit", () => running.delete(child));
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Until it accepts connections and `isReady`. */
async function answers(port: number, child: ChildProcess, isReady: () => boolean): Promise<void> {
  for (const giveUp = Date.now() + 60_000; Date.now() < giveUp; await setTimeout(50)) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([once(socket, "connect"), once(socket, "error").then(() => undefined)]).catch(
      () => undefined,
    );
    socket.destroy();
    if (isOpen !== undefined && isReady()) return;
  }
  throw new Error(`${child.spawnfile} does not respond`);
}

interface Program {
  readonly url: (port: number) => string;
  readonly command: (
    port: number,
    folder: string,
  ) => readonly [string, ...string[]] | Promise<readonly [string, ...string[]]>;
  /** Prepares its directory. */
  readonly prepare?: (folder: string) => void;
  readonly isReady?: (port: number) => boolean;
  readonly uid?: number | undefined;
}

async function server({ url, command, prepare, isReady = () => true, uid }: Program): Promise<StoreServer> {
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-server-"));
  if (uid !== undefined) chownSync(folder, uid, uid);
  prepare?.(folder);
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "exit");
    child.kill("SIGKILL");
    await closed;
  };
  return {
    url: url(port),
    async start() {
      const [file, ...args] = await command(port, folder);
      child = spawn(file, args, { cwd: folder, stdio: "ignore", ...(uid !== undefined && { uid, gid: uid }) });
      endWithThis(child);
      await answers(port, child, () => isReady(port));
    },
    kill,
    async end() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Every change is on disk before the response. */
export function redisServer(): Promise<StoreServer> {
  return server({
    url: (port) => `redis://127.0.0.1:${port}`,
    command: (port, folder) => [
      "redis-server",
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
    ],
  });
}

/** Not as root. */
export function postgresServer(): Promise<StoreServer> {
  const [version = ""] = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
  const bin = join("/usr/lib/postgresql", version, "bin");
  const uid =
    process.getuid?.() === 0 ? Number(execFileSync("id", ["-u", "postgres"], { encoding: "utf8" })) : undefined;
  const user = uid === undefined ? {} : { uid, gid: uid };
  return server({
    uid,
    url: (port) => `postgres://tester@127.0.0.1:${port}/postgres`,
    prepare: (folder) =>
      void execFileSync(join(bin, "initdb"), ["-D", join(folder, "data"), "-U", "tester", "-A", "trust", "--no-sync"], {
        ...user,
        cwd: folder,
        stdio: "ignore",
      }),
    command: (port, folder) => [
      join(bin, "postgres"),
      "-D",
      join(folder, "data"),
      "-p",
      `${port}`,
      ...["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${folder}`, "-c", "max_connections=600"],
    ],
    isReady: (port) => {
      try {
        execFileSync(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", `${port}`], { stdio: "ignore" });
        return true;
      } catch {
        return false;
      }
    },
  });
}

export async function etcdServer(): Promise<StoreServer> {
  const peers = await freePort();
  return server({
    url: (port) => `http://127.0.0.1:${port}`,
    command: (port, folder) => {
      const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peers}`];
      return [
        "etcd",
        ...["--data-dir", join(folder, "data"), "--log-level", "error"],
        ...["--listen-client-urls", client, "--advertise-client-urls", client],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
      ];
    },
  });
}

/** The secrets part of a Kubernetes API server, in this process: no real one is available. */
export async function fakeKubernetes(): Promise<StoreServer> {
  const secrets = new Map<string, { metadata: { name: string; resourceVersion: string }; data?: unknown }>();
  const port = await freePort();
  const api = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const answer = (code: number, value: object): void => {
      response.writeHead(code, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    const status = (code: number, reason: string): void =>
      answer(code, { kind: "Status", apiVersion: "v1", status: "Failure", reason, code });
    const [, name = ""] =
      /^\/api\/v1\/namespaces\/default\/secrets(?:\/([a-z0-9-]{1,253}))?$/.exec(request.url ?? "") ?? [];
    const given = (body === "" ? {} : JSON.parse(body)) as {
      metadata?: { name?: string; resourceVersion?: string };
      preconditions?: { resourceVersion?: string };
    };
    const stored = secrets.get(request.method === "POST" ? (given.metadata?.name ?? "") : name);
    const resourceVersion = randomBytes(8).toString("hex");
    const put = (code: number): void => {
      const secret = { ...given, metadata: { ...given.metadata, name: given.metadata?.name ?? name, resourceVersion } };
      secrets.set(secret.metadata.name, secret);
      answer(code, secret);
    };
    if (request.method === "POST") return stored === undefined ? put(201) : status(409, "AlreadyExists");
    if (stored === undefined) return status(404, "NotFound");
    if (request.method === "GET") return answer(200, stored);
    const wanted = given.metadata?.resourceVersion ?? given.preconditions?.resourceVersion;
    if (wanted !== stored.metadata.resourceVersion) return status(409, "Conflict");
    if (request.method === "PUT") return put(200);
    secrets.delete(name);
    answer(200, { kind: "Status", apiVersion: "v1", status: "Success" });
  });
  const kill = async (): Promise<void> => {
    if (!api.listening) return;
    api.closeAllConnections();
    await new Promise((resolve) => api.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    start: () => new Promise((resolve) => void api.listen(port, "127.0.0.1", resolve)),
    kill,
    end: kill,
  };
}

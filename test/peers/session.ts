// A user's session: a session bus under `dbus-run-session`, a home, and a chosen Secret Service. Ends with `stop`, or
// with this process.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import dbus from "dbus-next";
import { hurried } from "../helpers/scene.ts";

/** For programs with a responding keychain: a machine busy for 3 s is no hanging keychain. */
const patience: string = hurried(3000, 15_000).join(" ");

export interface Session {
  /** For the session's programs. */
  env: NodeJS.ProcessEnv;
  /** Removed by `stop`. */
  home: string;
  /** Real and unlocked with a pass phrase, which creates its login collection. */
  startGnomeKeyring(): Promise<void>;
  lock(): Promise<void>;
  startScripted(...args: string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startSession(): Promise<Session> {
  const home = await mkdtemp(join(tmpdir(), "spec-kitty-session-"));
  const { DISPLAY: _x, WAYLAND_DISPLAY: _wayland, DBUS_SESSION_BUS_ADDRESS: _bus, ...rest } = process.env;
  const env: NodeJS.ProcessEnv = { ...rest, HOME: home, XDG_RUNTIME_DIR: home, NODE_OPTIONS: patience };
  for (const name of ["DATA", "CONFIG", "CACHE", "STATE"]) env[`XDG_${name}_HOME`] = join(home, name.toLowerCase());

  // `cat` ends with its standard input, and the bus and its programs with it.
  const bus = spawn("dbus-run-session", ["--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; cat'], {
    env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  env["DBUS_SESSION_BUS_ADDRESS"] = await lineFrom(bus, /^unix:/);
  const children: ChildProcess[] = [bus];

  return {
    env,
    home,
    async startGnomeKeyring() {
      const owned = whenOwned(env);
      const keyring = spawn("gnome-keyring-daemon", ["--unlock", "--foreground", "--components=secrets"], {
        env,
        stdio: ["pipe", "ignore", "ignore"],
      });
      children.push(keyring);
      keyring.stdin?.end("correct horse");
      await owned;
    },
    async lock() {
      await onBus(env, (client) =>
        client.call(
          new dbus.Message({
            destination: "org.freedesktop.secrets",
            path: "/org/freedesktop/secrets",
            interface: "org.freedesktop.Secret.Service",
            member: "Lock",
            signature: "ao",
            body: [["/org/freedesktop/secrets/collection/login"]],
          }),
        ),
      );
    },
    async startScripted(...args) {
      if (args.includes("--stall")) delete env["NODE_OPTIONS"];
      const service = spawn(process.execPath, [fileURLToPath(new URL("secret-service.js", import.meta.url)), ...args], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(service);
      await lineFrom(service, /^ready$/);
    },
    async stop() {
      bus.stdin?.end();
      for (const child of children.reverse()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, "exit");
        if (child !== bus) child.kill();
        await ended;
      }
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function lineFrom(child: ChildProcess, wanted: RegExp): Promise<string> {
  if (child.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: child.stdout })) {
    if (!wanted.test(line)) continue;
    child.stdout.resume();
    return line;
  }
  throw new Error(`"${child.spawnfile}" ended too early`);
}

async function onBus<T>(env: NodeJS.ProcessEnv, work: (client: dbus.MessageBus) => Promise<T>): Promise<T> {
  const client = dbus.sessionBus({ busAddress: env["DBUS_SESSION_BUS_ADDRESS"] } as never);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Resolves when the Secret Service's name is owned. */
function whenOwned(env: NodeJS.ProcessEnv): Promise<void> {
  return onBus(env, async (client) => {
    const proxy = await client.getProxyObject("org.freedesktop.DBus", "/org/freedesktop/DBus");
    const bus = proxy.getInterface("org.freedesktop.DBus");
    const changed = new Promise<void>((resolve) => {
      bus.on("NameOwnerChanged", (name: string, _before: string, after: string) => {
        if (name === "org.freedesktop.secrets" && after !== "") resolve();
      });
    });
    if (!((await bus["NameHasOwner"]?.("org.freedesktop.secrets")) as boolean)) await changed;
  });
}

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Killed after 20 s, so that a hang is a failure. */
export async function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
  const child = spawn(process.execPath, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  const run = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      run[name] += text;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...run };
}

import { spawn, type ChildProcess } from "node:child_process";
import { dirname } from "node:path";
import type { Socket } from "node:net";
import type { Environment } from "../../platform/paths.ts";
import { selfStart, type SelfStart } from "../../platform/self.ts";
import type { KeychainLibrary } from "./keychain-library.ts";
import { keychainProgram } from "./keychain-program.ts";

export interface KeychainRequest {
  readonly operation: "read" | "write" | "remove";
  readonly service: string;
  readonly account: string;
  readonly key?: string;
}

export type KeychainAnswer =
  | { readonly key: string | null }
  | { readonly failed: string }
  /** Where no Node can be started: what runs instead. */
  | { readonly noNode: string }
  | Exclude<KeychainLibrary, { files: unknown }>;

/** The environment of the process: session bus, display, home and system libraries. No secrets. */
const passed =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|LD_LIBRARY_PATH|NIX_LD\w*|SYSTEMROOT|WINDIR)$/i;

interface KeychainProcess {
  readonly child: ChildProcess;
  said(): string;
  /** The exit code, or why there was no process. */
  readonly ended: Promise<number | null | Error>;
}

let ahead: KeychainProcess | undefined;

/**
 * Starts the process early: Node takes as long to start there as the rest of a command here. Unasked, it ends with this
 * one, and does not keep it alive.
 */
export function startKeychainProcess(env: Environment): void {
  const self = selfStart(keychainProgram);
  if ("impossible" in self) return;
  ahead = start(env, self);
  keepAlive(ahead, "unref");
}

/**
 * Asks in a process of its own. The library waits on threads that nothing can cancel, and Node waits for its threads
 * before it exits: behind an ignored unlock dialog even `process.exit` would hang. A process can be killed.
 *
 * @param env - takes precedence over this process's variables
 * @param folder - where a single executable puts its library
 * @throws the system's error when no process can be started, and the signal's reason
 */
export async function askKeychainProcess(
  request: KeychainRequest,
  env: Environment,
  signal: AbortSignal,
  folder: string,
): Promise<KeychainAnswer> {
  const self = selfStart(keychainProgram);
  if ("impossible" in self) return { noNode: self.impossible };
  const { findKeychainLibrary, unpackedLibrary } = await import("./keychain-library.ts");
  const library = (await unpackedLibrary(folder)) ?? findKeychainLibrary();
  if (!("files" in library)) return library;
  signal.throwIfAborted();
  const asking = ahead ?? start(env, self);
  const { child, said, ended } = asking;
  ahead = undefined;
  keepAlive(asking, "ref");
  const kill = (): boolean => child.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  child.stdin?.end(JSON.stringify({ ...request, files: library.files }));
  const end = await ended;
  signal.removeEventListener("abort", kill);
  if (end instanceof Error) throw end;
  const [sign, line, rest] = said().split("\n");
  try {
    if (sign === "" && line !== undefined && rest !== undefined) return JSON.parse(line) as KeychainAnswer;
  } catch {
    // Without a cause: the text may hold the key.
  }
  // A locked keychain looks like a busy machine that has not started the process yet.
  signal.throwIfAborted();
  if (sign !== "" || line === undefined) return { noNode: `"${process.execPath}" ended with ${end}` };
  throw new Error(`its process ended with ${end}`);
}

/**
 * Whether the process keeps this one alive. Some runtimes cannot set that for each part, and none for a process that
 * failed to start.
 */
function keepAlive({ child }: KeychainProcess, how: "ref" | "unref"): void {
  if (child.pid === undefined) return;
  for (const one of [child, child.stdin, child.stdio?.[3]] as readonly (Partial<Socket> | null | undefined)[])
    one?.[how]?.();
}

function start(env: Environment, { args, env: own }: Exclude<SelfStart, { impossible: string }>): KeychainProcess {
  const child = spawn(process.execPath, args, {
    env: { ...environmentOf(env), ...own },
    // Node does not start in a removed directory, and Windows may load libraries from it.
    cwd: dirname(process.execPath),
    stdio: ["pipe", "ignore", "ignore", "pipe"],
    windowsHide: true,
  });
  let text = "";
  const ended = new Promise<number | null | Error>((resolve) => child.once("error", resolve).once("close", resolve));
  // Missing where no process could be started.
  const answer = child.stdio?.[3] as Socket | null | undefined;
  answer?.setEncoding("utf8").on("error", () => undefined);
  answer?.on("data", (chunk: string) => {
    text += chunk;
    // Only the response is needed.
    if (/\n.*\n/.test(text)) child.kill("SIGKILL");
  });
  child.stdin?.on("error", () => undefined);
  return { child, said: () => text, ended };
}

function environmentOf(env: Environment): Environment {
  return Object.fromEntries(Object.entries({ ...process.env, ...env }).filter(([name]) => passed.test(name)));
}

import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { isConfidential } from "../base/address.ts";
import { AuthError, hint } from "../base/errors.ts";
import { shellQuoted } from "../base/hint.ts";
import type { Clock } from "./clock.ts";
import { findProgram } from "./find-program.ts";
import type { Environment } from "./paths.ts";

/** A failure is only a warning: the URL was printed before. */
export type BrowserOutcome = { launched: string } | { failed: string };

interface BrowserOptions {
  /** Without secrets: a browser lives on for days, with helpers and extensions. */
  env: Environment;
  platform: NodeJS.Platform;
  clock: Clock;
  /** Whether other users may read the URL in the browser's command line. */
  mayBeRead: boolean;
}

// A failing launcher ends at once; one still running after this is a browser.
const earlyExitMs = 1_000;

/**
 * Refuses anything but `https:` and loopback `http:`: other schemes start other programs (S-007), and plain http would
 * show the login to the network. Does not wait for the browser to end.
 *
 * @returns the program that took it, or why each candidate failed
 */
export async function openBrowser(address: string, options: BrowserOptions): Promise<BrowserOutcome> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !isConfidential(url)) {
    const found = url === undefined ? "no URL at all" : `a URL of "${url.protocol}//${url.hostname}"`;
    throw new AuthError("service_answer_invalid", `only https: and loopback URLs can be opened, and this is ${found}`, {
      hint: hint`Check the URL of the service: ${{ command: "auth doctor" }}`,
    });
  }
  // Windows shows a command line only to its user and administrators; on macOS the URL comes through stdin.
  const isShown = options.platform !== "win32" && options.platform !== "darwin";
  if (isShown && !options.mayBeRead) return { failed: "its command line would show the URL to other users" };
  const failures: string[] = [];
  // `href` percent-encodes quotes, spaces and all that is not ASCII.
  for (const command of browserCommands(url.href, options.platform, options.env)) {
    const failure = await launch(command, options);
    if (failure === undefined) return { launched: command.program };
    failures.push(`${command.program}: ${failure}`);
  }
  return { failed: failures.join("; ") };
}

async function launch(
  { program, args, input }: BrowserCommand,
  { env, platform, clock }: BrowserOptions,
): Promise<string | undefined> {
  const found = findProgram(program, env, platform);
  if (found === undefined) return "not found";
  const settled = new AbortController();
  const ended = new Promise<string | undefined>((resolve) => {
    // Detached, without our streams: Ctrl-C is not for the browser. Not in the working directory, where a launcher
    // script might look for programs.
    const child = spawn(found, [...args], {
      env,
      cwd: dirname(found),
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "ignore", "ignore"],
      windowsHide: true,
    });
    child.stdin?.on("error", () => undefined).end(input);
    child.unref();
    child.on("error", (error) => resolve(error.message));
    child.once("exit", (status, signal) => resolve(status === 0 ? undefined : `ended with ${status ?? signal}`));
  }).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  const stayed = clock.sleep(earlyExitMs, { signal: settled.signal }).catch(() => undefined);
  const failure = await Promise.race([ended, stayed]);
  settled.abort();
  return typeof failure === "string" ? failure : undefined;
}

/** Never a line for a shell. The URL is an argument, or in the input. */
export interface BrowserCommand {
  program: string;
  args: readonly string[];
  input?: string;
}

/** The user's `BROWSER`, then the platform's. `address`: already checked (S-007). */
export function browserCommands(address: string, platform: NodeJS.Platform, env: Environment): BrowserCommand[] {
  return [
    ...chosenBrowsers(platform, env).map((program) => ({ program, args: [address] })),
    ...systemBrowsers(address, platform, env),
  ];
}

/** `BROWSER` is a list separated by colons, as for xdg-open; on Windows, with `C:\…`, one program. */
function chosenBrowsers(platform: NodeJS.Platform, env: Environment): string[] {
  const value = env["BROWSER"] ?? "";
  // Never split at spaces: "/opt/my browser/run" is one program without options.
  return (platform === "win32" ? [value] : value.split(":")).filter((program) => program.trim() !== "");
}

function systemBrowsers(address: string, platform: NodeJS.Platform, env: Environment): BrowserCommand[] {
  const opened = (program: string, ...args: string[]): BrowserCommand => ({ program, args: [...args, address] });
  switch (platform) {
    case "darwin":
      // Not `open`, whose command line every user can read.
      return [{ program: "/usr/bin/osascript", args: ["-"], input: `open location ${appleScriptText(address)}\n` }];
    case "win32": {
      // Windows' own, whatever is in PATH.
      const system = `${env["SystemRoot"] ?? "C:\\Windows"}\\System32`;
      return [
        opened(`${system}\\rundll32.exe`, "url.dll,FileProtocolHandler"),
        throughPowerShell(`${system}\\WindowsPowerShell\\v1.0\\powershell.exe`, address),
      ];
    }
    default: {
      const desktop = [opened("xdg-open"), opened("gio", "open")];
      // Under WSL the browser is on the Windows side.
      const wsl = env["WSL_DISTRO_NAME"] !== undefined || env["WSL_INTEROP"] !== undefined;
      return wsl
        ? [opened("wslview"), ...desktop, opened("rundll32.exe", "url.dll,FileProtocolHandler")]
        : [...desktop, opened("wslview")];
    }
  }
}

function appleScriptText(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Encoded, the script meets no parser but PowerShell's own, which gets the URL quoted. */
function throughPowerShell(program: string, address: string): BrowserCommand {
  const script = `Start-Process ${shellQuoted(address, "win32")}`;
  const encoded = Buffer.from(script, "utf16le").toString("base64");
  return { program, args: ["-NoProfile", "-NonInteractive", "-EncodedCommand", encoded] };
}

import { shellQuoted } from "../base/hint.ts";
import type { Environment } from "./paths.ts";

/** A program and its arguments, the address among them. Never a line for a shell. */
export interface BrowserCommand {
  program: string;
  args: readonly string[];
}

/** The commands to try, in order: the user's own `BROWSER`, then those of the platform. */
export function browserCommands(address: string, platform: NodeJS.Platform, env: Environment): BrowserCommand[] {
  const opened = (program: string, ...args: string[]): BrowserCommand => ({ program, args: [...args, address] });
  return [...chosenBrowsers(platform, env).map((program) => opened(program)), ...systemBrowsers(address, platform, env, opened)];
}

/** `BROWSER` is a list separated by colons, as for xdg-open, except on Windows, where `C:\…` is one program. */
function chosenBrowsers(platform: NodeJS.Platform, env: Environment): string[] {
  const value = env["BROWSER"] ?? "";
  // Never split at spaces: "/opt/my browser/run" is one program, and nothing in it is an option.
  return (platform === "win32" ? [value] : value.split(":")).filter((program) => program.trim() !== "");
}

function systemBrowsers(
  address: string,
  platform: NodeJS.Platform,
  env: Environment,
  opened: (program: string, ...args: string[]) => BrowserCommand,
): BrowserCommand[] {
  switch (platform) {
    case "darwin":
      return [opened("open")];
    case "win32": {
      // Absolute paths: Windows looks for a bare name in the current folder first, which may be somebody else's project.
      const system = `${env["SystemRoot"] ?? "C:\\Windows"}\\System32`;
      return [
        opened(`${system}\\rundll32.exe`, "url.dll,FileProtocolHandler"),
        throughPowerShell(`${system}\\WindowsPowerShell\\v1.0\\powershell.exe`, address),
      ];
    }
    default: {
      const desktop = [opened("xdg-open"), opened("gio", "open")];
      // Under WSL the browser is on the Windows side: wslview if it is installed, else what Windows itself uses.
      const wsl = env["WSL_DISTRO_NAME"] !== undefined || env["WSL_INTEROP"] !== undefined;
      return wsl
        ? [opened("wslview"), ...desktop, opened("rundll32.exe", "url.dll,FileProtocolHandler")]
        : [...desktop, opened("wslview")];
    }
  }
}

/** Encoded, the script meets no other parser than PowerShell's own, and for that one the address is quoted. */
function throughPowerShell(program: string, address: string): BrowserCommand {
  const script = `Start-Process ${shellQuoted(address, "win32")}`;
  const encoded = Buffer.from(script, "utf16le").toString("base64");
  return { program, args: ["-NoProfile", "-NonInteractive", "-EncodedCommand", encoded] };
}

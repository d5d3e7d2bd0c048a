/** A program and its arguments, the address among them. Never a line for a shell. */
export interface BrowserCommand {
  program: string;
  args: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What to try, best first: the user's own `BROWSER`, then what the platform has.
 * @param address - the one thing to open, already checked
 * @param platform - as `process.platform` says it
 * @param env - `BROWSER`, what tells WSL, `SystemRoot`
 */
export function browserCommands(address: string, platform: NodeJS.Platform, env: Environment): BrowserCommand[] {
  const opened = (program: string, ...args: string[]): BrowserCommand => ({ program, args: [...args, address] });
  return [...chosenBrowsers(platform, env).map((program) => opened(program)), ...systemBrowsers(address, platform, env, opened)];
}

/** `BROWSER` is a list separated by colons, as xdg-open has it, except on Windows, where `C:\…` is one program. */
function chosenBrowsers(platform: NodeJS.Platform, env: Environment): string[] {
  const value = env["BROWSER"] ?? "";
  // Never split at spaces: "/opt/my browser/run" is one program, and what looks like an option to it is none.
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
      // Whole paths: a bare name would be looked for in the current folder first, which may be a stranger's project.
      const system = `${env["SystemRoot"] ?? "C:\\Windows"}\\System32`;
      return [
        opened(`${system}\\rundll32.exe`, "url.dll,FileProtocolHandler"),
        throughPowerShell(`${system}\\WindowsPowerShell\\v1.0\\powershell.exe`, address),
      ];
    }
    default: {
      const desktop = [opened("xdg-open"), opened("gio", "open")];
      // Under WSL the browser is on the Windows side: wslview if it is installed, else Windows' own way.
      const wsl = env["WSL_DISTRO_NAME"] !== undefined || env["WSL_INTEROP"] !== undefined;
      return wsl
        ? [opened("wslview"), ...desktop, opened("rundll32.exe", "url.dll,FileProtocolHandler")]
        : [...desktop, opened("wslview")];
    }
  }
}

/** Encoded, the address meets no parser but PowerShell's own, and there it is a string in which `'` is doubled. */
function throughPowerShell(program: string, address: string): BrowserCommand {
  const script = `Start-Process '${address.replaceAll("'", "''")}'`;
  const encoded = Buffer.from(script, "utf16le").toString("base64");
  return { program, args: ["-NoProfile", "-NonInteractive", "-EncodedCommand", encoded] };
}

import type { App } from "../app/app.ts";
import type { Keychain } from "../auth/secure-storage/keychain.ts";
import { startOver } from "../auth/secure-storage/data-key.ts";
import { isAuthError, login as loginCommand } from "../base/errors.ts";
import { browserCommands } from "../platform/browser.ts";
import type { LoginEnvironment } from "../platform/browser-or-device.ts";
import { findProgram } from "../platform/find-program.ts";
import { reportOn, type Finding } from "./finding.ts";

/** The oldest supported version, and the tested lines: those in between are not maintained. */
const oldest = [20, 18] as const;
const tested = [20, 22, 24, 26];

export function examineMachine(login: LoginEnvironment, app: App): Finding[] {
  return [
    reportOn("D701", "login")(
      "ok",
      `${login.login === "device" ? "with a code" : "through the browser"}: ${login.reason}`,
    ),
    browser(login, app),
    node(process.versions.node),
    webSocket(typeof globalThis.WebSocket === "function"),
  ];
}

function browser(login: LoginEnvironment, { env, platform }: App): Finding {
  const report = reportOn("D702", "browser");
  const candidates = browserCommands("https://service.example/", platform, env).map(({ program }) => program);
  const found = candidates.map((program) => findProgram(program, env, platform)).find((path) => path !== undefined);
  if (found !== undefined) return report("ok", `${found} opens URLs`);
  const said = `no program that opens a browser was found; looked for: ${[...new Set(candidates)].join(", ")}`;
  return login.login === "device"
    ? report("note", `${said}; none is needed here`)
    : report("warning", said, [loginCommand(undefined, "--no-browser")]);
}

function node(version: string): Finding {
  const report = reportOn("D703", "Node.js");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isTooOld = major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
  if (isTooOld) return report("critical", `${version} is older than ${oldest.join(".")}`, "nvm install --lts");
  return tested.includes(major)
    ? report("ok", version)
    : report("note", `${version} is not one of the tested versions: ${tested.join(", ")}`);
}

function webSocket(exists: boolean): Finding {
  const report = reportOn("D704", "WebSocket");
  if (exists) return report("ok", "this runtime has one");
  const fix = { set: "NODE_OPTIONS", value: "--experimental-websocket" };
  return report("note", "this Node.js has it behind a flag", [fix]);
}

/** No session has this account. */
const probe = "doctor";

const names: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "the macOS Keychain",
  win32: "the Windows Credential Manager",
};

/** `account`: the sessions' entry, if any. */
export async function examineKeychain(
  keychain: Keychain,
  account: string | undefined,
  platform: NodeJS.Platform,
): Promise<Finding> {
  const report = reportOn("D601", "keychain");
  try {
    const key = await keychain.read(account ?? probe);
    // The Secret Service by name: the kernel's key ring forgets at logout.
    const answers = `${names[platform] ?? "the Secret Service"} is available and persistent`;
    if (account === undefined) return report("ok", `${answers}; not in use`);
    if (key !== undefined) return report("ok", `${answers}; it holds the key of the sessions`);
    return report("critical", `the key of the sessions is missing from it ("${account}")`, startOver);
  } catch (error) {
    if (!isAuthError(error)) throw error;
    const said = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
    // If the sessions need no keychain, a missing one is no fault.
    return account === undefined ? report("note", `${said}; not in use`) : report("critical", said, error.next);
  }
}

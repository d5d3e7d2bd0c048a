import type { App } from "../app/app.ts";
import { login as loginCommand } from "../base/errors.ts";
import { browserCommands } from "../platform/browser.ts";
import type { LoginEnvironment } from "../platform/browser-or-device.ts";
import { findProgram } from "../platform/inspect.ts";
import { finder, type Finding } from "./finding.ts";

/** The oldest version that is supported, and the lines that are tested: the ones in between are no longer maintained. */
const oldest = [20, 18] as const;
const tested = [20, 22, 24, 26];

/**
 * Which login works here, what would open the browser, and what this Node can do.
 *
 * @param login - from `describeEnvironment`
 */
export function examineMachine(login: LoginEnvironment, app: App): Finding[] {
  return [
    finder("D701", "login")("ok", `${login.login === "device" ? "with a code" : "through the browser"}: ${login.reason}`),
    browser(login, app),
    node(process.versions.node),
    webSocket(typeof globalThis.WebSocket === "function"),
  ];
}

function browser(login: LoginEnvironment, { env, platform }: App): Finding {
  const report = finder("D702", "browser");
  const candidates = browserCommands("https://service.example/", platform, env).map(({ program }) => program);
  const found = candidates.map((program) => findProgram(program, env, platform)).find((path) => path !== undefined);
  if (found !== undefined) return report("ok", `${found} opens addresses`);
  const said = `no program to open addresses with was found: ${[...new Set(candidates)].join(", ")}`;
  return login.login === "device" ? report("note", `${said}; none is needed here`) : report("warning", said, [loginCommand(undefined, "--no-browser")]);
}

function node(version: string): Finding {
  const report = finder("D703", "Node");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isTooOld = major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
  if (isTooOld) return report("critical", `${version} is older than ${oldest.join(".")}`, "nvm install --lts");
  return tested.includes(major) ? report("ok", version) : report("note", `${version} is not one of the tested versions: ${tested.join(", ")}`);
}

function webSocket(exists: boolean): Finding {
  const report = finder("D704", "WebSocket");
  if (exists) return report("ok", "this Node has one");
  const fix = { set: "NODE_OPTIONS", value: "--experimental-websocket" };
  return report("note", "this Node has one only behind a flag, and live updates need it", [fix]);
}

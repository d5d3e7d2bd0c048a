import { browserCommands } from "../platform/browser-commands.ts";
import type { LoginEnvironment } from "../platform/environment.ts";
import { findProgram } from "../platform/inspect.ts";
import type { Environment } from "../platform/paths.ts";
import { finder, type Finding } from "./finding.ts";

/** The first version of each line that is tested; what is between them is not kept up by anybody. */
const oldest = [20, 18] as const;
const tested = [20, 22, 24, 26];

/**
 * Which login works here, what would open the browser, and what this Node can do.
 * @param login - from `describeEnvironment`
 */
export function examineMachine(login: LoginEnvironment, env: Environment, platform: NodeJS.Platform): Finding[] {
  return [
    finder("D701", "login")("ok", `${login.login === "device" ? "by a code" : "through the browser"}: ${login.reason}`),
    browser(login, env, platform),
    node(process.versions.node),
    webSocket(typeof globalThis.WebSocket === "function"),
  ];
}

function browser(login: LoginEnvironment, env: Environment, platform: NodeJS.Platform): Finding {
  const report = finder("D702", "browser");
  const candidates = browserCommands("https://service.example/", platform, env).map(({ program }) => program);
  const found = candidates.map((program) => findProgram(program, env, platform)).find((path) => path !== undefined);
  if (found !== undefined) return report("ok", `${found} opens addresses`);
  const said = `no program that opens addresses is found, of ${[...new Set(candidates)].join(", ")}`;
  return login.login === "device" ? report("note", `${said}; none is needed here`) : report("warning", said, "spec-kitty auth login --no-browser");
}

function node(version: string): Finding {
  const report = finder("D703", "Node");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) return report("critical", `${version} is older than ${oldest.join(".")}`, "nvm install --lts");
  return tested.includes(major) ? report("ok", version) : report("note", `${version} is none of those that are tested: ${tested.join(", ")}`);
}

function webSocket(isThere: boolean): Finding {
  const report = finder("D704", "WebSocket");
  return isThere ? report("ok", "this Node has one") : report("note", "this Node has none unless it is told to, and following events live needs one", "export NODE_OPTIONS=--experimental-websocket");
}

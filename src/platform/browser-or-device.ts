import { readFileSync, statSync } from "node:fs";
import { systemErrorCode } from "../base/errors.ts";

export interface EnvironmentFacts {
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  uid: number | undefined;
  /** By path; `""` for what exists but is no readable file. */
  files: Readonly<Record<string, string>>;
  /** Owner of `/dev/console`: on macOS the user at the screen, or root if none. */
  consoleUid: number | undefined;
  stdinIsTTY: boolean;
}

interface EnvironmentSignal {
  name: string;
  /** Raw; `set` for one that adds nothing or is private, such as an IP address. */
  value: string;
  meaning: string;
  login: "browser" | "device" | "either";
}

export interface LoginEnvironment {
  login: "browser" | "device";
  /** Such as `no browser can be shown here: this is an SSH session (SSH_CONNECTION is set)`. */
  reason: string;
  /** All that apply. The first one that does not say `either` decides. */
  signals: readonly EnvironmentSignal[];
}

type Rule = (facts: EnvironmentFacts) => EnvironmentSignal | undefined;

const signal =
  (login: EnvironmentSignal["login"]) =>
  (name: string, value: string, meaning: string): EnvironmentSignal => ({ name, value, meaning, login });
const browser = signal("browser");
const device = signal("device");

/** Empty counts as not set: shells unset a variable for one command that way. */
const set =
  (meaning: string, ...names: string[]) =>
  ({ env }: Pick<EnvironmentFacts, "env">): EnvironmentSignal | undefined => {
    const name = names.find((name) => env[name]);
    return name === undefined ? undefined : device(name, "set", `${meaning} (${name} is set)`);
  };

const bySsh = set("this is an SSH session", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY");

/** ssh forwards a display as a TCP port of this host; a local one such as `:0` is a screen that the user is not at. */
const forwardedDisplay: Rule = (facts) => {
  const display = facts.env["DISPLAY"] ?? "";
  // Browsers on macOS and Windows do not use X11.
  if (!bySsh(facts) || !/^[^:/]+:\d+/.test(display) || /darwin|win32/.test(facts.platform)) return undefined;
  return browser("DISPLAY", display, `this SSH session forwards a display (DISPLAY is ${display})`);
};

const inCi = (facts: Pick<EnvironmentFacts, "env">): EnvironmentSignal | undefined =>
  // CI=false tells a build that it is not a CI job. The others are for services that do not set CI.
  /^(false|0|no)$/i.test(facts.env["CI"] ?? "")
    ? undefined
    : set("this is a CI job", "CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")(facts);

/** Whether no user is at the terminal, if there is one. */
export function isCiJob(env: EnvironmentFacts["env"]): boolean {
  return inCi({ env }) !== undefined;
}

const inContainer: Rule = ({ env, files }) => {
  // A toolbox shares the host's network and display, and opens URLs in the host's browser.
  if ("/run/.toolboxenv" in files || env["DISTROBOX_ENTER_PATH"]) return undefined;
  // systemd's container interface. It counts WSL and Flatpak as containers, where both show the user's browser.
  const byName = (text = ""): string | undefined =>
    /^(wsl|flatpak|snap)?$/i.test(text.trim()) ? undefined : text.trim();
  const kinds: [name: string, kind: string | undefined][] = [
    // The pod first: people call it Kubernetes, though its runtime leaves traces too.
    ["KUBERNETES_SERVICE_HOST", env["KUBERNETES_SERVICE_HOST"] && "Kubernetes"],
    ["/.dockerenv", "/.dockerenv" in files ? "Docker" : undefined],
    ["/run/.containerenv", "/run/.containerenv" in files ? "Podman" : undefined],
    ["/run/systemd/container", byName(files["/run/systemd/container"])],
    ["container", byName(env["container"])],
    // Last, since control groups v2 often show only `/`. A host's first process is in none of these.
    ["/proc/1/cgroup", /kubepods|docker|containerd|libpod|lxc/.exec(files["/proc/1/cgroup"] ?? "")?.[0]],
  ];
  const [name, kind] = kinds.find(([, kind]) => kind) ?? [];
  return name && kind ? device(name, kind, `this is a ${kind} container (${name})`) : undefined;
};

/**
 * The kernel's name alone proves nothing: a Docker Desktop container has the same, so containers are ruled out first.
 */
const wsl = ({ env, files, platform }: EnvironmentFacts): 1 | 2 | undefined => {
  const kernel = files["/proc/version"] ?? "";
  if (platform !== "linux" || !(/microsoft/i.test(kernel) || "/run/WSL" in files || env["WSL_DISTRO_NAME"]))
    return undefined;
  return /microsoft/i.test(kernel) && !/microsoft-standard|wsl2/i.test(kernel) ? 1 : 2;
};

const inWsl: Rule = (facts) => {
  const version = wsl(facts);
  const interop = ["", "-late"]
    .map((end) => `/proc/sys/fs/binfmt_misc/WSLInterop${end}`)
    .find((name) => name in facts.files);
  // WSL is then like any Linux.
  if (version === undefined || interop === undefined) return undefined;
  return browser(interop, "enabled", `this is WSL ${version}, and Windows opens URLs for it`);
};

/** VS Code's own sign that its terminal is not on the user's machine. WSL sets it too, and is that machine. */
const inRemoteEditor: Rule = (facts) =>
  wsl(facts) ? undefined : set("this is a VS Code remote session", "VSCODE_IPC_HOOK_CLI")(facts);

/**
 * Root by `sudo`, `pkexec` or `su` from another user's session: display servers refuse root without that user's cookie,
 * and browsers do not run as root.
 */
const rootForAnother: Rule = ({ env, uid }) => {
  const traces = {
    SUDO_UID: /^[1-9]/,
    PKEXEC_UID: /^[1-9]/,
    XDG_RUNTIME_DIR: /^\/run\/user\/[1-9]/,
    USER: /^(?!root$)./,
  };
  const [name] = Object.entries(traces).find(([name, another]) => another.test(env[name] ?? "")) ?? [];
  if (uid !== 0 || name === undefined) return undefined;
  return device(name, env[name] ?? "", `this is root, and the session is another user's (${name} is ${env[name]})`);
};

const onScreen: Rule = ({ env, platform, uid, consoleUid }) => {
  if (platform === "win32") {
    // Set at every interactive logon (`Console`, `RDP-Tcp#0`); services and scheduled tasks run unseen in session 0.
    const session = env["SESSIONNAME"] ?? "";
    return session === "" || /^services$/i.test(session)
      ? device("SESSIONNAME", session, "this is not an interactive Windows session (SESSIONNAME names none)")
      : browser("SESSIONNAME", session, `this is an interactive Windows session (SESSIONNAME is ${session})`);
  }
  if (platform === "darwin") {
    // No variable is reliable: SECURITYSESSIONID and XPC_FLAGS vary. `open` works only for the owner of the console.
    if (consoleUid === undefined || (consoleUid === uid && uid !== 0))
      return browser("/dev/console", "own", "this user is at the screen (/dev/console)");
    const who = consoleUid === 0 ? "no user" : "another user";
    return device("/dev/console", `uid ${consoleUid}`, `${who} is at the screen (/dev/console)`);
  }
  const name = ["WAYLAND_DISPLAY", "DISPLAY"].find((name) => env[name]);
  return name === undefined
    ? device("DISPLAY", "", "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)")
    : browser(name, env[name] ?? "", `there is a display (${name} is ${env[name]})`);
};

/** In order of precedence. */
const rules: readonly Rule[] = [
  // A choice; everything below is a guess. Editors' servers set it too.
  ({ env }) => (env["BROWSER"] ? browser("BROWSER", env["BROWSER"], "BROWSER names one") : undefined),
  // From specific to general, so that the reason has the usual name: a codespace is also a container.
  inCi,
  set("this is a GitHub codespace", "CODESPACES"),
  set("this is a Gitpod workspace", "GITPOD_WORKSPACE_ID"),
  set("this is Google Cloud Shell", "CLOUD_SHELL", "GOOGLE_CLOUD_SHELL"),
  set("this is Azure Cloud Shell", "ACC_CLOUD"),
  ({ env }) =>
    env["AWS_EXECUTION_ENV"] === "CloudShell" ? set("this is AWS CloudShell", "AWS_EXECUTION_ENV")({ env }) : undefined,
  set("this is a dev container", "REMOTE_CONTAINERS"),
  // Before containers: a user who forwards a display out of one wants to see programs.
  forwardedDisplay,
  inContainer,
  // Before WSL and the screen: the user is elsewhere.
  bySsh,
  inRemoteEditor,
  // Before root: the browser is the Windows user's, and root is many distributions' default user.
  inWsl,
  rootForAnother,
  onScreen,
  ({ stdinIsTTY }) => (stdinIsTTY ? undefined : signal("either")("stdin", "not a terminal", "there is no user")),
];

export function describeEnvironment(facts: EnvironmentFacts): LoginEnvironment {
  const signals = rules.map((rule) => rule(facts)).filter((signal) => signal !== undefined);
  const decisive = signals.find(({ login }) => login !== "either");
  const login = decisive?.login === "device" ? "device" : "browser";
  return {
    login,
    reason: `${login === "device" ? "no" : "a"} browser can be shown here: ${decisive?.meaning}`,
    signals,
  };
}

const paths = [
  "/.dockerenv",
  "/run/.containerenv",
  "/run/.toolboxenv",
  "/run/systemd/container",
  "/run/WSL",
  "/proc/1/cgroup",
  "/proc/version",
  "/proc/sys/fs/binfmt_misc/WSLInterop",
  "/proc/sys/fs/binfmt_misc/WSLInterop-late",
];

export function readFacts(env: EnvironmentFacts["env"]): EnvironmentFacts {
  const { platform } = process;
  const read = (path: string): [string, string][] => {
    try {
      return [[path, readFileSync(path, "utf8")]];
    } catch (error) {
      // A directory (`/run/WSL`), or closed to this user: it exists.
      return /^(EISDIR|EACCES)$/.test(systemErrorCode(error) ?? "") ? [[path, ""]] : [];
    }
  };
  return {
    env,
    platform,
    uid: process.geteuid?.(),
    files: platform === "win32" ? {} : Object.fromEntries(paths.flatMap(read)),
    consoleUid: platform === "darwin" ? statSync("/dev/console", { throwIfNoEntry: false })?.uid : undefined,
    stdinIsTTY: process.stdin.isTTY === true,
  };
}

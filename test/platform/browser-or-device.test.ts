import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEnvironment, readFacts, type EnvironmentFacts } from "../../src/platform/browser-or-device.ts";

const desk: EnvironmentFacts = {
  env: { DISPLAY: ":0", XDG_RUNTIME_DIR: "/run/user/1000", USER: "alice" },
  platform: "linux",
  uid: 1000,
  files: { "/proc/1/cgroup": "0::/init.scope\n", "/proc/version": "Linux version 6.12.0 (builder@example)" },
  consoleUid: undefined,
  stdinIsTTY: true,
};
const ssh = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22", SSH_TTY: "/dev/pts/1" };
const mac: EnvironmentFacts = {
  ...desk,
  platform: "darwin",
  uid: 501,
  consoleUid: 501,
  files: {},
  env: { USER: "alice" },
};
const windows: EnvironmentFacts = {
  ...desk,
  platform: "win32",
  uid: undefined,
  files: {},
  env: { SESSIONNAME: "Console" },
};
const wsl2 = {
  "/run/WSL": "",
  "/proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2",
  "/proc/sys/fs/binfmt_misc/WSLInterop": "enabled",
};
const wsl1 = {
  "/proc/version": "Linux version 4.4.0-19041-Microsoft",
  "/proc/sys/fs/binfmt_misc/WSLInterop": "enabled",
};

const rows: [place: string, facts: Partial<EnvironmentFacts>, login: "browser" | "device", meaning: string][] = [
  ["a Linux desktop with X11", {}, "browser", "there is a display (DISPLAY is :0)"],
  [
    "a Linux desktop with Wayland",
    { env: { WAYLAND_DISPLAY: "wayland-0" } },
    "browser",
    "there is a display (WAYLAND_DISPLAY is wayland-0)",
  ],
  [
    "Linux without a display",
    { env: {} },
    "device",
    "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
  ],
  [
    "Linux with empty display variables",
    { env: { DISPLAY: "", WAYLAND_DISPLAY: "" } },
    "device",
    "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
  ],
  [
    "FreeBSD without a display",
    { platform: "freebsd", env: {} },
    "device",
    "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
  ],

  ["SSH", { env: ssh }, "device", "this is an SSH session (SSH_CONNECTION is set)"],
  [
    "SSH of which only the client is known",
    { env: { SSH_CLIENT: "192.0.2.1 50000 22" } },
    "device",
    "this is an SSH session (SSH_CLIENT is set)",
  ],
  [
    "SSH with a forwarded display",
    { env: { ...ssh, DISPLAY: "localhost:10.0" } },
    "browser",
    "this SSH session forwards a display (DISPLAY is localhost:10.0)",
  ],
  [
    "SSH with the display of the far screen",
    { env: { ...ssh, DISPLAY: ":0" } },
    "device",
    "this is an SSH session (SSH_CONNECTION is set)",
  ],
  [
    "SSH to macOS with a forwarded display",
    { ...mac, env: { ...ssh, DISPLAY: "localhost:10.0" } },
    "device",
    "this is an SSH session (SSH_CONNECTION is set)",
  ],
  ["SSH to Windows", { ...windows, env: ssh }, "device", "this is an SSH session (SSH_CONNECTION is set)"],
  ["SSH to WSL", { env: ssh, files: wsl2 }, "device", "this is an SSH session (SSH_CONNECTION is set)"],
  [
    "SSH to a machine where the user is at the screen",
    { ...mac, env: ssh },
    "device",
    "this is an SSH session (SSH_CONNECTION is set)",
  ],

  [
    "WSL 2",
    { env: { WSL_DISTRO_NAME: "Debian" }, files: wsl2 },
    "browser",
    "this is WSL 2, and Windows opens URLs for it",
  ],
  [
    "WSL 2 with systemd",
    { env: {}, files: { ...wsl2, "/run/systemd/container": "wsl\n" } },
    "browser",
    "this is WSL 2, and Windows opens URLs for it",
  ],
  [
    "WSL 2 with the late registration of systemd",
    { env: {}, files: { "/run/WSL": "", "/proc/sys/fs/binfmt_misc/WSLInterop-late": "" } },
    "browser",
    "this is WSL 2, and Windows opens URLs for it",
  ],
  [
    "WSL 1",
    { env: { WSL_DISTRO_NAME: "Debian" }, files: wsl1 },
    "browser",
    "this is WSL 1, and Windows opens URLs for it",
  ],
  [
    "WSL as root by sudo",
    { env: { SUDO_UID: "1000", USER: "root" }, uid: 0, files: wsl2 },
    "browser",
    "this is WSL 2, and Windows opens URLs for it",
  ],
  [
    "WSL without interoperability",
    { env: { WSL_DISTRO_NAME: "Debian" }, files: { "/run/WSL": "" } },
    "device",
    "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
  ],
  [
    "WSL without interoperability, with WSLg",
    { env: { WSL_DISTRO_NAME: "Debian", DISPLAY: ":0" }, files: { "/run/WSL": "" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],
  [
    "a VS Code window on WSL",
    { env: { VSCODE_IPC_HOOK_CLI: "/run/x.sock", WSL_DISTRO_NAME: "Debian" }, files: wsl2 },
    "browser",
    "this is WSL 2, and Windows opens URLs for it",
  ],

  ["Docker", { env: {}, files: { "/.dockerenv": "" } }, "device", "this is a Docker container (/.dockerenv)"],
  [
    "Docker on a WSL kernel",
    { env: {}, files: { ...wsl2, "/.dockerenv": "" } },
    "device",
    "this is a Docker container (/.dockerenv)",
  ],
  [
    "Docker with a display mounted",
    { files: { "/.dockerenv": "" } },
    "device",
    "this is a Docker container (/.dockerenv)",
  ],
  [
    "Docker known by its control group",
    { env: {}, files: { "/proc/1/cgroup": "12:pids:/docker/0123abcd\n" } },
    "device",
    "this is a docker container (/proc/1/cgroup)",
  ],
  [
    "Podman",
    { env: { container: "podman" }, files: { "/run/.containerenv": "" } },
    "device",
    "this is a Podman container (/run/.containerenv)",
  ],
  [
    "Kubernetes",
    { env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, files: { "/.dockerenv": "" } },
    "device",
    "this is a Kubernetes container (KUBERNETES_SERVICE_HOST)",
  ],
  [
    "Kubernetes without service variables",
    { env: {}, files: { "/proc/1/cgroup": "0::/kubepods.slice/pod1\n" } },
    "device",
    "this is a kubepods container (/proc/1/cgroup)",
  ],
  ["LXC", { files: { "/run/systemd/container": "lxc" } }, "device", "this is a lxc container (/run/systemd/container)"],
  ["LXC as its first process sees it", { env: { container: "lxc" } }, "device", "this is a lxc container (container)"],
  [
    "LXC known by its control group",
    { env: {}, files: { "/proc/1/cgroup": "1:name=systemd:/lxc.payload/box\n" } },
    "device",
    "this is a lxc container (/proc/1/cgroup)",
  ],
  [
    "systemd-nspawn",
    { files: { "/run/systemd/container": "systemd-nspawn" } },
    "device",
    "this is a systemd-nspawn container (/run/systemd/container)",
  ],
  [
    "a toolbox",
    { files: { "/run/.containerenv": "", "/run/.toolboxenv": "" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],
  [
    "a distrobox",
    { env: { DISPLAY: ":0", DISTROBOX_ENTER_PATH: "/usr/bin/distrobox-enter" }, files: { "/run/.containerenv": "" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],
  [
    "an editor installed by Flatpak",
    { env: { DISPLAY: ":0", container: "flatpak" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],
  [
    "SSH with a forwarded display into a container",
    { env: { ...ssh, DISPLAY: "localhost:10.0" }, files: { "/run/systemd/container": "lxc" } },
    "browser",
    "this SSH session forwards a display (DISPLAY is localhost:10.0)",
  ],

  [
    "VS Code by SSH",
    { env: { ...ssh, VSCODE_IPC_HOOK_CLI: "/run/user/1000/vscode-ipc.sock" } },
    "device",
    "this is an SSH session (SSH_CONNECTION is set)",
  ],
  [
    "a VS Code tunnel",
    { env: { VSCODE_IPC_HOOK_CLI: "/tmp/vscode-ipc.sock", DISPLAY: ":0" } },
    "device",
    "this is a VS Code remote session (VSCODE_IPC_HOOK_CLI is set)",
  ],
  [
    "a VS Code window on this desktop",
    { env: { ...desk.env, TERM_PROGRAM: "vscode" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],
  [
    "a dev container",
    { env: { REMOTE_CONTAINERS: "true", DISPLAY: ":1" }, files: { "/.dockerenv": "" } },
    "device",
    "this is a dev container (REMOTE_CONTAINERS is set)",
  ],
  [
    "Codespaces",
    { env: { CODESPACES: "true", VSCODE_IPC_HOOK_CLI: "/tmp/x.sock" }, files: { "/.dockerenv": "" } },
    "device",
    "this is a GitHub codespace (CODESPACES is set)",
  ],
  [
    "Gitpod",
    { env: { GITPOD_WORKSPACE_ID: "acme-1" } },
    "device",
    "this is a Gitpod workspace (GITPOD_WORKSPACE_ID is set)",
  ],
  [
    "Google Cloud Shell",
    { env: { CLOUD_SHELL: "true", ...ssh }, files: { "/.dockerenv": "" } },
    "device",
    "this is Google Cloud Shell (CLOUD_SHELL is set)",
  ],
  ["Azure Cloud Shell", { env: { ACC_CLOUD: "PROD" } }, "device", "this is Azure Cloud Shell (ACC_CLOUD is set)"],
  [
    "AWS CloudShell",
    { env: { AWS_EXECUTION_ENV: "CloudShell" } },
    "device",
    "this is AWS CloudShell (AWS_EXECUTION_ENV is set)",
  ],

  ["CI", { env: { ...desk.env, CI: "true" } }, "device", "this is a CI job (CI is set)"],
  ["CI on macOS", { ...mac, env: { CI: "1" } }, "device", "this is a CI job (CI is set)"],
  [
    "CI in a container",
    { env: { CI: "true" }, files: { "/.dockerenv": "" } },
    "device",
    "this is a CI job (CI is set)",
  ],
  [
    "Azure Pipelines",
    { ...windows, env: { SESSIONNAME: "Console", TF_BUILD: "True" } },
    "device",
    "this is a CI job (TF_BUILD is set)",
  ],
  [
    "Jenkins",
    { env: { ...desk.env, JENKINS_URL: "https://ci.example.com/" } },
    "device",
    "this is a CI job (JENKINS_URL is set)",
  ],
  [
    "a desktop that says CI=false",
    { env: { ...desk.env, CI: "false" } },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],

  ["macOS at the screen", mac, "browser", "this user is at the screen (/dev/console)"],
  [
    "macOS while another user is at the screen",
    { ...mac, consoleUid: 502 },
    "device",
    "another user is at the screen (/dev/console)",
  ],
  ["macOS with nobody at the screen", { ...mac, consoleUid: 0 }, "device", "no user is at the screen (/dev/console)"],
  [
    "a launchd daemon with nobody at the screen",
    { ...mac, uid: 0, consoleUid: 0, env: {} },
    "device",
    "no user is at the screen (/dev/console)",
  ],
  [
    "macOS as root by sudo",
    { ...mac, uid: 0, env: { SUDO_UID: "501", USER: "root" } },
    "device",
    "this is root, and the session is another user's (SUDO_UID is 501)",
  ],

  ["Windows at the screen", windows, "browser", "this is an interactive Windows session (SESSIONNAME is Console)"],
  [
    "Windows by Remote Desktop",
    { ...windows, env: { SESSIONNAME: "RDP-Tcp#3" } },
    "browser",
    "this is an interactive Windows session (SESSIONNAME is RDP-Tcp#3)",
  ],
  [
    "a Windows service",
    { ...windows, env: { SESSIONNAME: "Services" } },
    "device",
    "this is not an interactive Windows session (SESSIONNAME names none)",
  ],
  [
    "a scheduled task of Windows",
    { ...windows, env: {} },
    "device",
    "this is not an interactive Windows session (SESSIONNAME names none)",
  ],

  [
    "root by sudo with the user's display",
    { env: { DISPLAY: ":0", SUDO_UID: "1000", USER: "root" }, uid: 0 },
    "device",
    "this is root, and the session is another user's (SUDO_UID is 1000)",
  ],
  [
    "root by pkexec",
    { env: { DISPLAY: ":0", PKEXEC_UID: "1000" }, uid: 0 },
    "device",
    "this is root, and the session is another user's (PKEXEC_UID is 1000)",
  ],
  [
    "root by su",
    { env: { DISPLAY: ":0", USER: "alice" }, uid: 0 },
    "device",
    "this is root, and the session is another user's (USER is alice)",
  ],
  [
    "root with another user's runtime folder",
    { env: { WAYLAND_DISPLAY: "wayland-0", XDG_RUNTIME_DIR: "/run/user/1000" }, uid: 0 },
    "device",
    "this is root, and the session is another user's (XDG_RUNTIME_DIR is /run/user/1000)",
  ],
  [
    "root with no display",
    { env: { USER: "root" }, uid: 0 },
    "device",
    "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
  ],
  [
    "root's own desktop",
    { env: { DISPLAY: ":0", USER: "root", XDG_RUNTIME_DIR: "/run/user/0" }, uid: 0 },
    "browser",
    "there is a display (DISPLAY is :0)",
  ],

  ["SSH with BROWSER", { env: { ...ssh, BROWSER: "my-browser" } }, "browser", "BROWSER names one"],
  ["CI with BROWSER", { env: { CI: "true", BROWSER: "my-browser" } }, "browser", "BROWSER names one"],
  [
    "a container with BROWSER",
    { env: { BROWSER: "my-browser" }, files: { "/.dockerenv": "" } },
    "browser",
    "BROWSER names one",
  ],
  [
    "SSH with an empty BROWSER",
    { env: { ...ssh, BROWSER: "" } },
    "device",
    "this is an SSH session (SSH_CONNECTION is set)",
  ],
];

for (const [place, facts, login, meaning] of rows)
  test(`FR-002 ${place}: ${login === "browser" ? "a" : "no"} browser can be shown`, () => {
    const found = describeEnvironment({ ...desk, ...facts });
    assert.equal(found.reason, `${login === "browser" ? "a" : "no"} browser can be shown here: ${meaning}`);
    assert.equal(found.login, login);
  });

test("every signal is reported in order of precedence, those that did not decide included", () => {
  const { signals } = describeEnvironment({
    ...desk,
    env: { ...ssh, CI: "true", BROWSER: "my-browser" },
    files: { "/.dockerenv": "" },
    stdinIsTTY: false,
  });
  assert.deepEqual(
    signals.map(({ name, login }) => [name, login]),
    [
      ["BROWSER", "browser"],
      ["CI", "device"],
      ["/.dockerenv", "device"],
      ["SSH_CONNECTION", "device"],
      ["DISPLAY", "device"],
      ["stdin", "either"],
    ],
  );
});

test("a missing terminal decides nothing", () => {
  for (const facts of [desk, { ...desk, env: ssh }])
    assert.equal(describeEnvironment({ ...facts, stdinIsTTY: false }).login, describeEnvironment(facts).login);
});

test("no URL of the user is reported", () => {
  assert.doesNotMatch(
    JSON.stringify(describeEnvironment({ ...desk, env: { ...ssh, JENKINS_URL: "https://alice:pw@192.0.2.9/" } })),
    /192\.0\.2|pw/,
  );
});

test("the facts of this process are read without an error, and lead to a decision", () => {
  const facts = readFacts(ssh);
  assert.equal(facts.platform, process.platform);
  assert.equal(facts.env, ssh, "and the variables are those of the app");
  assert.match(describeEnvironment(facts).reason, /^(a|no) browser can be shown here: ./);
});

import { execFileSync, spawn } from "node:child_process";
import { cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startWindows } from "../helpers/windows.ts";
import { startAccount } from "./account.ts";
import { notingBrowser, type Casting } from "./stage.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where and as which user the attacks run. */
export interface Column {
  readonly name: string;
  /** Returns the output of `run.ts`, or rejects. */
  run(): Promise<string>;
}

/** A user for the attacks only. */
interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** The listening process of this user. */
  readonly account: string;
}

/** Makes two users and a readable copy of the package; `after` gets the clean-up. */
export async function allColumns(after: (end: () => void) => void): Promise<Column[]> {
  if (process.geteuid?.() !== 0) throw new Error("this makes users, which needs root. Run: sudo npm run test:security");
  const [user, other] = [await addUser("user", after), await addUser("other", after)];
  const place = copied(after);
  const script = join(place, "test", "security", "run.ts");
  const compiled = ["--import", pathToFileURL(join(place, "node_modules", "tsx", "dist", "loader.mjs")).href];
  const casting: Casting = { other: other.account };
  const asUser = (runtime: readonly [string, ...string[]], args: readonly string[] = []) =>
    runColumn([...runtime, ...args, script, JSON.stringify({ ...casting, runtime })], user);
  const here: readonly [string] = [join(place, "node")];
  const node = (name: string): Column["run"] => {
    const runtime: readonly [string] = [join(place, name)];
    return () => asUser(runtime, compiled);
  };
  const asRoot: Column["run"] = () =>
    runColumn([...here, ...compiled, script, JSON.stringify({ ...casting, runtime: here })]);
  const sudo: Column["run"] = () => {
    const own = JSON.stringify({ ...casting, behindRoot: user.account, runtime: here });
    return runColumn(["sudo", "-n", "env", `PATH=${process.env["PATH"]}`, ...here, ...compiled, script, own], user);
  };
  const withoutProc: Column["run"] = () => {
    const shell = 'mount -t tmpfs none /proc && exec setpriv --reuid="$0" --regid="$1" --clear-groups "${@:2}"';
    const own = JSON.stringify({ ...casting, runtime: here });
    const ids = [String(user.uid), String(user.gid)];
    const env = { HOME: user.home };
    return runColumn(["unshare", "--mount", "bash", "-c", shell, ...ids, ...here, ...compiled, script, own], { env });
  };
  return [
    { name: `Node.js ${process.versions.node.split(".")[0]}`, run: () => asUser(here, compiled) },
    ...["22", "24", "26"].map((version) => ({ name: `Node.js ${version}`, run: node(`node-${version}`) })),
    { name: "Bun", run: () => asUser([join(place, "bun"), ...bunOptions()]) },
    { name: "Deno", run: () => asUser([join(place, "deno"), "run", "--no-prompt", ...denoPermissions()]) },
    { name: "Windows", run: () => onWindows(casting, place, after) },
    { name: "root", run: asRoot },
    { name: "sudo", run: sudo },
    { name: "no /proc", run: withoutProc },
  ];
}

/** As in the documents. */
export function denoPermissions(): string[] {
  return optionsAfter("deno run");
}

export function bunOptions(): string[] {
  return optionsAfter("bun");
}

function optionsAfter(command: string): string[] {
  const page = readFileSync(join(root, "src", "docs", "install.md"), "utf8").replaceAll("\n", " ");
  const [, options = ""] = new RegExp(`\`${command} ((?: ?--[a-z-]+(?:=[\\w/]+)?)+)`).exec(page) ?? [];
  if (options === "") throw new Error(`src/docs/install.md names no options for ${command}`);
  return options.trim().split(" ");
}

/** Named after this process, for two runs at once. */
async function addUser(role: string, after: (end: () => void) => void): Promise<User> {
  const name = `kitty-${role}-${process.pid}`;
  execFileSync("useradd", ["--create-home", "--shell", "/bin/sh", name]);
  // Without it, this fails while the user's last process is ending.
  after(() => execFileSync("userdel", ["--force", "--remove", name], { stdio: "ignore" }));
  const [, , uid, gid, , home = ""] = execFileSync("getent", ["passwd", name], { encoding: "utf8" }).split(":");
  const ids = { uid: Number(uid), gid: Number(gid) };
  if (role === "user") {
    const rule = `/etc/sudoers.d/${name}`;
    mkdirSync(dirname(rule), { recursive: true });
    writeFileSync(rule, `${name} ALL=(root) NOPASSWD: ALL\n`, { mode: 0o440 });
    after(() => rmSync(rule));
  }
  return { name, ...ids, home, account: await startAccount(ids, after) };
}

/** Package and runtimes where every user can read them: a clone may be in a closed home. */
function copied(after: (end: () => void) => void): string {
  const place = mkdtempSync(join(tmpdir(), "spec-kitty-security-"));
  after(() => rmSync(place, { recursive: true, force: true }));
  const isOurs = (path: string): boolean => !/[/\\](peers|tools)$/.test(path);
  for (const part of ["bin", "dist", "src", "test", "package.json", "node_modules"])
    cpSync(join(root, part), join(place, part), { recursive: true, filter: isOurs });
  const runtimes = join(root, "test", "peers", "runtimes", "node_modules");
  const programs = {
    node: process.execPath,
    ...Object.fromEntries(["22", "24", "26"].map((v) => [`node-${v}`, join(runtimes, `node-${v}`, "bin", "node")])),
    bun: join(runtimes, "@oven", "bun-linux-x64", "bin", "bun"),
    deno: join(runtimes, "@deno", "linux-x64-glibc", "deno"),
  };
  execFileSync("chmod", ["-R", "u=rwX,go=rX", place]);
  for (const [name, program] of Object.entries(programs)) linkOrCopy(realpathSync(program), join(place, name));
  return place;
}

/** A runtime is a hundred megabytes. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}

/** As a user, or as this one. */
function runColumn(
  [command = "", ...args]: readonly string[],
  { uid, gid, home, env = {} }: Partial<User> & { env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(uid !== undefined && gid !== undefined && { uid, gid }),
      cwd: "/",
      env: { PATH: process.env["PATH"], HOME: home ?? "/root", DENO_DIR: join(home ?? "/root", ".deno"), ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`ended with ${code}:\n${text}`))));
  });
}

async function onWindows(casting: Casting, place: string, after: (end: () => void) => void): Promise<string> {
  const opened = join(place, "opened");
  const windows = startWindows(notingBrowser(opened));
  after(() => windows.stop());
  const onDrive = (path: string): string => `Z:${path.replaceAll("/", "\\")}`;
  const own = JSON.stringify({ ...casting, opened: onDrive(opened) });
  const script = onDrive(join(place, "test", "security", "run.ts"));
  const { code, stdout, stderr } = await windows.startProgram("node", [script, own], { node: "node-24" }).ended;
  windows.stop();
  if (code !== 0) throw new Error(`ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

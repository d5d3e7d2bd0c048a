// Runs test files with Node's runner, in a home and a temporary folder of their own, and looks at what they leave.
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { root, typescript } from "./setup.js";

/** Every test file. Those of test/peers are run by themselves: they have dependencies of their own. */
export function testFiles() {
  return filesBelow("test").filter((path) => !path.startsWith(join("test", "peers")));
}

/** The test files below a folder, from the package's own. */
export function filesBelow(folder) {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path);
    return path.endsWith(".test.ts") ? [path] : [];
  });
}

/**
 * What the command line asks for: options of Node's runner, with an `=` before their value, and files.
 *
 * @param files - those that are run when none is named
 */
export function chosen(files) {
  const args = process.argv.slice(2);
  const named = args.filter((arg) => !arg.startsWith("-")).flatMap((name) => filesOf(name, files));
  return [...args.filter((arg) => arg.startsWith("-")), ...(named.length > 0 ? named : files)];
}

/** A name that stands for no test must not look like tests that have passed. */
function filesOf(name, files) {
  const path = relative(root, resolve(name));
  if (path.endsWith(".test.ts") && existsSync(join(root, path))) return [path];
  const below = files.filter((file) => file.startsWith(join(path, "/")));
  if (below.length > 0) return below;
  console.error(`error: there is no test in "${name}"`);
  process.exit(1);
}

/**
 * Runs test files, two more at once than there are processors, since tests also wait. The runner's own default leaves a processor idle.
 *
 * @param args - see {@link chosen}; the options take precedence over those here
 * @returns the exit code
 */
export async function runTests(
  args,
  { node = process.execPath, reporter = "spec", env = process.env, place = tmpdir() } = {},
) {
  const scratch = realpathSync(mkdtempSync(join(place, "tests-")));
  const [home, temporary] = ["home", "tmp"].map((name) => join(scratch, name));
  for (const folder of [home, temporary]) mkdirSync(folder);
  // Whatever the mask is: some tests act as another user, who has to get to what is made there for them.
  for (const folder of [scratch, temporary]) chmodSync(folder, 0o755);
  const sources = ["bin", "src", "test"];
  const states = () =>
    new Map([...stateOf(home, "~"), ...sources.flatMap((name) => stateOf(join(root, name), name, isSource))]);
  const before = states();
  try {
    const own = { ...withoutSettings(env), ...places(home, temporary) };
    const code = await runNode(node, together(args, scratch), reporter, own);
    const after = states();
    const all = [...new Set([...before.keys(), ...after.keys()])];
    const changed = all.filter((path) => before.get(path) !== after.get(path)).sort();
    if (changed.length === 0) return code;
    console.error(
      `error: these are outside the tests' scratch folders, and changed while they ran:\n${changed.join("\n")}`,
    );
    return 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * A place for scratch folders: memory, where it takes programs and is plenty. On a disk, tests that make and remove
 * thousands of folders wait for its journal, and so do all others. `TMPDIR` takes precedence.
 */
export function memory() {
  const folder = "/dev/shm";
  if (process.env.TMPDIR !== undefined || process.platform !== "linux" || !existsSync(folder)) return tmpdir();
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const options = mounts.map((line) => line.split(" ")).findLast(([, place]) => place === folder)?.[3] ?? "noexec";
  const { bavail, bsize } = statfsSync(folder);
  return options.split(",").includes("noexec") || bavail * bsize < 2 ** 32 ? tmpdir() : folder;
}

/**
 * Arguments for Node: the options and the files. Those of a folder run in one process, which starts, loads what they share and makes it
 * fast once. Those of the acceptance tests mostly wait for commands: six in a process. Node's runner sorts by path, so that what runs
 * long begins first.
 */
function together(args, scratch) {
  const groups = new Map();
  let acceptance = 0;
  for (const arg of args) {
    const folder = dirname(arg);
    const isApart = arg.startsWith("-") || /^test[/\\]peers[/\\]/.test(arg);
    const part = folder === join("test", "acceptance") ? `${folder}-${Math.floor(acceptance++ / 6)}` : folder;
    const key = isApart ? arg : part;
    groups.set(key, [...(groups.get(key) ?? []), arg]);
  }
  return [...groups].map(([name, own]) => {
    if (own.length === 1) return own[0];
    const entry = join(scratch, `${name.replaceAll(/[/\\]/g, "-")}.mjs`);
    writeFileSync(entry, own.map((file) => `import ${JSON.stringify(pathToFileURL(join(root, file)))};\n`).join(""));
    return entry;
  });
}

function runNode(node, args, reporter, env) {
  const child = spawn(
    node,
    [
      ...typescript,
      ...["helpers/faulty-files.ts", "time-limit.ts"].flatMap((file) => [
        "--import",
        new URL(file, import.meta.url).href,
      ]),
      "--require",
      fileURLToPath(new URL("preload.cjs", import.meta.url)),
      "--test",
      `--test-concurrency=${availableParallelism() + 2}`,
      ...(args.some((arg) => arg.startsWith("--test-reporter")) ? [] : [`--test-reporter=${reporter}`]),
      ...args,
    ],
    { cwd: root, stdio: "inherit", env },
  );
  // A terminal interrupts both: this process is still to remove the folders.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** An environment without what a person or a program has set for git, proxies and the command itself. */
function withoutSettings(env) {
  const isSetting = (name) => /^(GIT|XDG|SPEC_KITTY)_|^(https?|all|no)_proxy$/i.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting(name)));
}

/** What tells a program where to keep things. */
function places(home, temporary) {
  return {
    HOME: home,
    USERPROFILE: home,
    APPDATA: join(home, "AppData", "Roaming"),
    LOCALAPPDATA: join(home, "AppData", "Local"),
    TMPDIR: temporary,
    TMP: temporary,
    TEMP: temporary,
    npm_config_cache: join(temporary, "npm"),
    // Tests talk to nobody outside, and every process would read the machine's certificates first.
    NODE_EXTRA_CA_CERTS: undefined,
  };
}

/** Not what is installed, and not what editors keep. */
function isSource(name) {
  return name !== "node_modules" && !name.startsWith(".");
}

/** Every file and folder below one, by its path with another name for that folder, and with what differs once it is written. */
function stateOf(folder, name, isCounted = () => true) {
  return readdirSync(folder)
    .filter(isCounted)
    .flatMap((entry) => {
      const [path, shown] = [join(folder, entry), `${name}/${entry}`];
      const status = lstatSync(path);
      const { mode, size, mtimeMs } = status;
      if (status.isDirectory()) return [[shown, `${mode}`], ...stateOf(path, shown, isCounted)];
      return [[shown, `${mode} ${size} ${mtimeMs}`]];
    });
}

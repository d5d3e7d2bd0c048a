// `npm run build:exe [-- FOLDER]`: makes FOLDER/spec-kitty (`build/` by default), one file that needs no Node: the command, the library
// of the keychain and the newest Node that has long-term support, which is this one where that is new enough.
//
// The executable starts from a snapshot of the memory of a Node that has loaded what `auth token` runs, so that a good token costs
// hardly more than a Node that does nothing. Everything else is in the snapshot as text and compiled when it is called. What is in the
// memory of a snapshot is the same in every process: so nothing there is random or about the machine.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What `auth token` with a good token loads with `import()`; what these import is with them. */
const hot = ["cli/main", "cli/commands/auth/token", "app/create-app", "auth/secure-storage/machine-key"];

// `auth token` runs once before the snapshot is taken, with the session of nobody: what V8 compiles for that is then in the snapshot.
// The session stays: V8 takes no snapshot while the end of a Secret is still to be noted. Everything else of that run is garbage, but for
// the slab of memory that small Buffers share: it held the machine's ID, so this run gets a new one, which is then wiped.
const warmUp = (file) => `
    const kept = {};
    (async () => {
      const { createCommand } = require(${file("dist/cli/main.js")});
      const { dispatch } = require(${file("dist/cli/dispatch.js")});
      const { createOutput } = require(${file("dist/cli/output.js")});
      const { createApp } = require(${file("dist/app/create-app.js")});
      while (Buffer.from("-").byteOffset > 0);
      let text = "";
      const stream = { write: (piece) => ((text += piece), true) };
      const streams = { stdout: stream, stderr: stream, env: process.env };
      await createCommand({ name: "spec-kitty", version: "0", issuer: undefined }).run(["--version"], streams);
      const app = createApp();
      const { command, values, positionals } = await dispatch(["auth", "token"], app.identity);
      const out = createOutput(streams, String);
      await command.run({ app, out, signal: new AbortController().signal }, values, positionals);
      kept.session = await app.tokens().getSession();
      new Uint8Array(Buffer.from("-").buffer).fill(0);
      if (!text.includes("nobody's")) throw new Error(text);
    })();`;

const tools = join(root, "test", "tools");
const runtimes = join(root, "test", "peers", "runtimes");
const isNewEnough = Number.parseInt(process.versions.node, 10) >= 26;
const node = isNewEnough ? process.execPath : join(runtimes, "node_modules/node-26/bin/node");

const folder = resolve(process.argv[2] ?? join(root, "build"));
mkdirSync(folder, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), "spec-kitty-exe-"));
try {
  const file = (path) => JSON.stringify(join(root, path));
  const entry = `
    const { startupSnapshot } = require("node:v8");
    const { serveSelf } = require(${file("dist/app/serve-self.js")});
    ${hot.map((name) => `require(${file(`dist/${name}.js`)});`).join("\n")}
    ${warmUp(file)}
    startupSnapshot.setDeserializeMainFunction(() => {
      if (serveSelf()) process.exit();
      require(${file("bin/spec-kitty.js")});
    }, kept);`;
  const program = join(scratch, "program.cjs");
  // Comments and names stay: whoever opens the file can read what it does.
  const bundle = ["--bundle", "--platform=node", "--target=node26", "--define:import.meta.url=undefined"];
  execFileSync(
    process.execPath,
    [
      join(tools, "node_modules", "esbuild", "bin", "esbuild"),
      ...bundle,
      `--outfile=${program}`,
      "--log-level=warning",
    ],
    { input: entry, stdio: ["pipe", "inherit", "inherit"], cwd: root },
  );
  const output = join(folder, process.platform === "win32" ? "spec-kitty.exe" : "spec-kitty");
  const settings = join(scratch, "settings.json");
  writeFileSync(
    settings,
    JSON.stringify({
      main: program,
      executable: node,
      output,
      useSnapshot: true,
      disableExperimentalSEAWarning: true,
      // Options of Node in the environment are for other programs.
      execArgvExtension: "none",
      assets: Object.fromEntries(keychainLibraries().map((path) => ["keyring.node", path])),
    }),
  );
  rmSync(output, { force: true });
  const env = await nobodysHome(join(scratch, "home"));
  execFileSync(node, ["--build-sea", settings], { stdio: ["ignore", "ignore", "inherit"], env });
  // What is signed has changed, and macOS starts nothing without a signature; this one vouches for nobody.
  if (process.platform === "darwin") execFileSync("codesign", ["--force", "--sign", "-", output], { stdio: "inherit" });
  console.log(output);
} finally {
  rmSync(scratch, { recursive: true });
}

/** The native library for this machine: the one that is installed. */
function keychainLibraries() {
  const { platform, arch } = process;
  return ["", "-gnu", "-musl", "-msvc"]
    .map((build) => `${platform}-${arch}${build}`)
    .map((name) => join(root, "node_modules", "@napi-rs", `keyring-${name}`, `keyring.${name}.node`))
    .filter(existsSync)
    .slice(0, 1);
}

/** Stores a session in a new home. Returns the environment that leads there. */
async function nobodysHome(home) {
  const load = (name) => import(pathToFileURL(join(root, "dist", `${name}.js`)).href);
  const { createApp } = await load("app/create-app");
  const { addKey } = await load("auth/sessions/local-changes");
  const { newLoginId } = await load("auth/sessions/session");
  const { Secret } = await load("base/secret");
  const { PATH, SystemRoot, TEMP } = process.env;
  const env = { PATH, SystemRoot, TEMP, HOME: home, USERPROFILE: home, SPEC_KITTY_STORAGE: "file" };
  Object.assign(process.env, { HOME: home, USERPROFILE: home });
  mkdirSync(home);
  const app = createApp({ env });
  await addKey(await (await app.keySource("machine")).create(), false, app.local);
  const [clientId, now] = ["nobody", Date.now()];
  const session = {
    id: newLoginId(),
    refreshes: 0,
    server: { issuer: "https://nobody.example", token_endpoint: "https://nobody.example/token" },
    clientId,
    accessToken: new Secret("nobody's"),
    tokenType: "Bearer",
    scope: "",
    issuedAt: now,
    accessTokenExpiresAt: now + 3_600_000,
    clockOffsetMs: 0,
    user: { id: "nobody" },
    teams: [],
    authFlow: "token",
    authenticatedAt: now,
  };
  await app.store.change("default", () => ({ service: "https://nobody.example", clientId, session }));
  return env;
}

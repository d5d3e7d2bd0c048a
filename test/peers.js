// `npm run test:peers [-- FILE…]`: the tests against programs of others: a certified OpenID provider, a real browser, a real key
// ring, another's QR decoder, Windows as Wine plays it. They have dependencies of their own, which are installed here.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { installPeers, prepare, root, runTests } from "./setup.js";

prepare();
const folder = join(root, "test", "peers");
installPeers(folder);
// Only now: the types of others are there.
execFileSync(
  process.execPath,
  [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(root, "test", "tsconfig.peers.json")],
  { stdio: "inherit" },
);

const named = process.argv.slice(2);
const found = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test", "peers", name));
process.exitCode = runTests(named.length > 0 ? named : found);

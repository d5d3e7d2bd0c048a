// `npm run test:peers [-- FILE…]`: the tests against programs of others: a certified OpenID provider, a real browser, a real key
// ring, another's QR decoder. They have dependencies of their own, which are installed here.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { installPeers, prepare, root, runTests } from "./setup.js";

prepare();
const folder = join(root, "test", "peers");
installPeers(folder);

const named = process.argv.slice(2);
const found = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test", "peers", name));
process.exitCode = runTests(named.length > 0 ? named : found);

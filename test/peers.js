// `npm run test:peers [-- FILE…]`: the tests against programs of others: a certified OpenID provider, a real browser, a real key
// ring, another's QR decoder, Windows as Wine plays it. They have dependencies of their own, which are installed here.
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { chosen, filesBelow, runTests } from "./runner.js";
import { install, prepare, root } from "./setup.js";

const peers = join("test", "peers");
const isHere = (path) => !path.startsWith(join(peers, "runtimes"));
const tests = chosen(filesBelow(peers).filter(isHere));
prepare();
install(join(root, peers));
// Only now: the types of others are there.
execFileSync(
  process.execPath,
  [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(root, "test", "tsconfig.peers.json")],
  { stdio: "inherit" },
);

// They wait for servers, browsers and file systems of others for nearly half of their time.
process.exitCode = await runTests([`--test-concurrency=${2 * availableParallelism()}`, ...tests]);

// `keychain-user.ts OPERATION…`: does `read`, `write` and `remove` with the real keychain in turn, prints a line of
// JSON for each, and ends by its exit code, without `process.exit`.
import { createKeychain } from "../../src/auth/secure-storage/keychain.ts";
import { AuthError } from "../../src/base/errors.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { Secret } from "../../src/base/secret.ts";

const keychain = createKeychain({ folder: () => "", identity: ownIdentity, clock: systemClock, env: process.env });
const key = new Secret(Buffer.alloc(32, 7).toString("base64url"));

// The longest gap between ticks tells whether the event loop was blocked.
let longestGapMs = 0;
let last = performance.now();
const beat = setInterval(() => {
  longestGapMs = Math.max(longestGapMs, performance.now() - last);
  last = performance.now();
}, 20);

for (const operation of process.argv.slice(2)) {
  try {
    let found: string | null = null;
    if (operation === "write") await keychain.write("peer", key);
    else if (operation === "remove") await keychain.remove("peer");
    else found = (await keychain.read("peer"))?.reveal() ?? null;
    console.log(JSON.stringify({ operation, found }));
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    const { code, message, hint } = error;
    console.log(JSON.stringify({ operation, code, message, hint, longestGapMs }));
    process.exitCode = 7;
    break;
  }
}
clearInterval(beat);

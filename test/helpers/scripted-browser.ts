import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approvingBrowser } from "../fake-saas/browser.ts";
import { approve } from "../fake-saas/user.ts";
import type { UserName } from "../fake-saas/users.ts";

let program: string | undefined;

/**
 * A program for `BROWSER` that passes the URL to this process, where the scripted user approves. A shell starts ten
 * times as fast as Node, and the tests log in some three hundred times. `FAKE_SAAS_USER` chooses the account.
 */
export function scriptedBrowser(): string {
  // Scripts need an executable there.
  if (process.platform === "win32") return approvingBrowser;
  if (program !== undefined) return program;
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-browser-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  program = join(folder, "browser");
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n%s\\nend\\n' "$1" "$FAKE_SAAS_USER" >'${folder}'/visit-$$\n`, {
    mode: 0o755,
  });
  watch(folder, { persistent: false }, (_, name) => {
    if (!name?.startsWith("visit-")) return;
    const path = join(folder, name);
    let lines: string[] = [];
    try {
      lines = readFileSync(path, "utf8").split("\n");
    } catch {
      // The visit is under way: its file is gone.
    }
    const [address = "", user = "", end] = lines;
    if (end !== "end") return;
    rmSync(path);
    // A browser's failure is ignored.
    approve(address, user === "" ? {} : { as: user as UserName }).catch(() => undefined);
  });
  return program;
}

// Another user can read, has replaced, or owns the files of keys and sessions.
import assert from "node:assert/strict";
import { chmodSync, renameSync, symlinkSync } from "node:fs";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack } from "../stage.ts";

export const attack: Attack = async (stage) => {
  if (process.platform === "win32")
    return { unavailable: "the access list of the profile folder keeps others out, not modes" };
  for (const [what, spoil] of [
    ["readable by others", (file: string) => chmodSync(file, 0o644)],
    ["readable by the group", (file: string) => chmodSync(file, 0o640)],
    ["a link", (file: string) => (renameSync(file, `${file}.real`), symlinkSync(`${file}.real`, file))],
    ["in a folder that others can change", (_: string, folder: string) => chmodSync(folder, 0o777)],
  ] as const) {
    const { saas, env, here, credentials, config } = await stage.scene();
    await signIn(saas, env);
    spoil(credentials, config);
    const requests = saas.requests.length;
    for (const command of ["auth token", "auth refresh", "auth login", "auth login --force"]) {
      const { code, stdout, stderr } = await here(command);
      assert.equal(code, 1, `${what}: ${command}\n${stderr}`);
      assert.equal(stdout, "");
    }
    assert.equal(saas.requests.length, requests, what);
  }
  return "held";
};

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A folder of a tool's author, with the package installed from the tarball and nothing else. Neither the folder's name nor what is in it
 * has the package's name, but for the package itself.
 */
export function installedProject(): { project: string; remove: () => void } {
  const project = mkdtempSync(join(tmpdir(), "acme-"));
  const shell = process.platform === "win32";
  const npm = (cwd: string, ...args: string[]): string =>
    execFileSync("npm", [...args, "--no-audit", "--no-fund"], {
      cwd,
      shell,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  // Built already, by what runs the tests.
  npm(fileURLToPath(new URL("../..", import.meta.url)), "pack", "--ignore-scripts", "--pack-destination", project);
  const tarball = readdirSync(project).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "acme", version: "1.2.0", type: "module" }));
  npm(project, "install", join(project, tarball), "--offline", "--omit=optional");
  return { project, remove: () => rmSync(project, { recursive: true, force: true }) };
}

/** Where the examples live that the README speaks of. */
export const examples: string = fileURLToPath(new URL("../examples", import.meta.url));

/**
 * Writes an example where a tool's author would have it, for a service of a test: its addresses and its client are those of that service.
 *
 * @param source - the program's text
 * @param folder - has `spec-kitty` in its `node_modules`
 * @returns the path of the program
 */
export function writeTool(
  source: string,
  folder: string,
  name: string,
  service: { url: string; clientId?: string; scope?: string; path?: string },
): string {
  const { url, clientId = "cli_native", scope = "offline_access api.read api.write", path = "/api/v1/me" } = service;
  const text = source
    .replace(/https:\/\/(api|login|mcp)\.acme\.example/g, url)
    .replaceAll("acme-cli", clientId)
    .replaceAll("openid offline_access projects", scope)
    .replaceAll("/v1/projects", path);
  const program = join(folder, name);
  writeFileSync(program, text);
  return program;
}

/** The text of an example. */
export function example(name: string): string {
  return readFileSync(join(examples, name), "utf8");
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * An author's directory with the package from the tarball only. No path or file has the package's name, except the
 * package.
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
  // Built by the test run.
  npm(fileURLToPath(new URL("../..", import.meta.url)), "pack", "--ignore-scripts", "--pack-destination", project);
  const tarball = readdirSync(project).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "acme", version: "1.2.0", type: "module" }));
  npm(project, "install", join(project, tarball), "--offline", "--omit=optional");
  return { project, remove: () => rmSync(project, { recursive: true, force: true }) };
}

/** Of the README. */
export const examples: string = fileURLToPath(new URL("../examples", import.meta.url));

/**
 * Writes an example for a test's service: with its URLs and client.
 *
 * @param source - the program
 * @param folder - with `spec-kitty` in `node_modules`
 * @returns the path
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

export function example(name: string): string {
  return readFileSync(join(examples, name), "utf8");
}

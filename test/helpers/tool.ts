import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the examples live that the README speaks of. */
export const examples: string = fileURLToPath(new URL("../examples", import.meta.url));

/**
 * Writes an example where a tool's author would have it, for a service of a test: its addresses and its client are those of that service.
 *
 * @param source - the program's text
 * @param folder - has `spec-kitty` in its `node_modules`
 * @returns the path of the program
 */
export function writeTool(source: string, folder: string, name: string, service: { url: string; clientId?: string; scope?: string; path?: string }): string {
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

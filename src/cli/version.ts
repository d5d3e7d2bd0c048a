import { createRequire } from "node:module";

/** The package's version, read where it stands. */
export function version(): string {
  return (createRequire(import.meta.url)("../../package.json") as { version: string }).version;
}

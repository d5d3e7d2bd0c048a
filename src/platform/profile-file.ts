import { closeSync, constants, fstatSync, readFileSync } from "node:fs";
import { openPlainFile } from "./private-files.ts";

/** Names have at most 64 characters. */
const maxBytes = 1024;

/**
 * Never fails, never waits: anything but a small file, such as a named pipe or a link to a user's file, counts as
 * empty.
 */
export function readProfileFile(path: string): string {
  let fd: ReturnType<typeof openPlainFile> | undefined;
  try {
    fd = openPlainFile(path, constants.O_RDONLY);
    return typeof fd === "number" && fstatSync(fd).size <= maxBytes ? readFileSync(fd, "utf8") : "";
  } catch {
    return "";
  } finally {
    if (typeof fd === "number") closeSync(fd);
  }
}

import { userInfo } from "node:os";

/** What the system calls this process's user; the user's number where it has no name for it, as in many a container. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

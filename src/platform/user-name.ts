import { userInfo } from "node:os";

/** The system's name for this process's user; the user's number where it has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

import type { Command } from "./command.ts";

/** A command's place in the program. It is loaded when it is called, so that one command does not pay for another. */
export interface CommandEntry {
  readonly words: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  { words: ["auth", "login"], summary: "log in through the browser", load: async () => (await import("./commands/auth/login.ts")).login },
  { words: ["auth", "logout"], summary: "end the session, here and at the service", load: async () => (await import("./commands/auth/logout.ts")).logoutCommand },
  { words: ["auth", "status"], summary: "show who is logged in, where and until when", load: async () => (await import("./commands/auth/status.ts")).status },
  { words: ["auth", "token"], summary: "print a valid access token", load: async () => (await import("./commands/auth/token.ts")).token },
  { words: ["auth", "refresh"], summary: "refresh the access token now", load: async () => (await import("./commands/auth/refresh.ts")).refresh },
  { words: ["auth", "whoami"], summary: "print the e-mail address of who is logged in", load: async () => (await import("./commands/auth/whoami.ts")).whoami },
];

/** What the groups of commands are about. */
export const groupSummaries: Readonly<Record<string, string>> = { auth: "log in, log out, and see who is logged in" };

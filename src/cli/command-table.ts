import type { CommandEntry } from "./command.ts";

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  { words: ["auth", "login"], summary: "log in through the browser", load: async () => (await import("./commands/auth/login.ts")).login },
  { words: ["auth", "logout"], summary: "end the session, here and at the service", load: async () => (await import("./commands/auth/logout.ts")).logoutCommand },
  { words: ["auth", "status"], summary: "show who is logged in, where and until when", load: async () => (await import("./commands/auth/status.ts")).status },
  { words: ["auth", "token"], summary: "print a valid access token", load: async () => (await import("./commands/auth/token.ts")).token },
  { words: ["auth", "refresh"], summary: "refresh the access token now", load: async () => (await import("./commands/auth/refresh.ts")).refresh },
  { words: ["auth", "whoami"], summary: "print the e-mail address of who is logged in", load: async () => (await import("./commands/auth/whoami.ts")).whoami },
  { words: ["auth", "list"], summary: "list the accounts", load: async () => (await import("./commands/auth/list.ts")).list },
  { words: ["auth", "switch"], summary: "make another account the active one", load: async () => (await import("./commands/auth/switch.ts")).switchCommand },
  { words: ["auth", "team"], summary: "show or set the default team", load: async () => (await import("./commands/auth/team.ts")).team },
  { words: ["auth", "doctor"], summary: "find out what is wrong, and what mends it", load: async () => (await import("./commands/auth/doctor.ts")).doctor },
  { words: ["auth", "git-credential"], summary: "answer git when it asks for a credential", load: async () => (await import("./commands/auth/git-credential.ts")).gitCredential },
  { words: ["auth", "exec-credential"], summary: "answer kubectl when it asks for a credential", load: async () => (await import("./commands/auth/exec-credential.ts")).execCredential },
  { words: ["api"], summary: "send an authenticated request to the service", load: async () => (await import("./commands/api.ts")).api },
  { words: ["sync", "emit"], summary: "queue an event", load: async () => (await import("./commands/sync/emit.ts")).emit },
  { words: ["sync", "now"], summary: "send what is queued", load: async () => (await import("./commands/sync/now.ts")).now },
  { words: ["sync", "status"], summary: "show what is queued", load: async () => (await import("./commands/sync/status.ts")).syncStatus },
  { words: ["sync", "watch"], summary: "print what happens, as it happens", load: async () => (await import("./commands/sync/watch.ts")).watch },
  { words: ["sync", "run"], summary: "keep sending what is queued", load: async () => (await import("./commands/sync/run.ts")).run },
  { words: ["sync", "upload"], summary: "queue artifacts", load: async () => (await import("./commands/sync/upload.ts")).upload },
  { words: ["tracker", "status"], summary: "show whether the tracker is connected", load: async () => (await import("./commands/tracker/read.ts")).trackerStatus },
  { words: ["tracker", "mappings"], summary: "show which field stands for which", load: async () => (await import("./commands/tracker/read.ts")).mappings },
  { words: ["tracker", "resources"], summary: "show what a project can be bound to", load: async () => (await import("./commands/tracker/read.ts")).resources },
  { words: ["tracker", "pull"], summary: "get items of the tracker", load: async () => (await import("./commands/tracker/pull.ts")).pull },
  { words: ["tracker", "push"], summary: "send items to the tracker", load: async () => (await import("./commands/tracker/push.ts")).push },
  { words: ["tracker", "run"], summary: "exchange everything with the tracker", load: async () => (await import("./commands/tracker/run.ts")).trackerRun },
  { words: ["tracker", "search"], summary: "find issues", load: async () => (await import("./commands/tracker/search.ts")).search },
  { words: ["tracker", "tickets"], summary: "list tickets", load: async () => (await import("./commands/tracker/tickets.ts")).tickets },
  { words: ["tracker", "bind"], summary: "bind a project to a board", load: async () => (await import("./commands/tracker/bind.ts")).bind },
  { words: ["completion"], summary: "print a script for the shell's completion", load: async () => (await import("./commands/completion.ts")).completion },
];

/** What the groups of commands are about. */
export const groupSummaries: Readonly<Record<string, string>> = {
  auth: "log in, log out, and see who is logged in",
  sync: "send events and artifacts, now or when there is a network",
  tracker: "exchange work packages with the tracker behind the service",
};

import type { Identity } from "../base/identity.ts";

/** A page of help that belongs to no single command. */
export interface TopicEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the function that gives its text under a tool's name: lines of at most 80 columns that read the same in a terminal and as Markdown. */
  readonly load: () => Promise<(identity: Identity) => string>;
}

/** Every topic of `help TOPIC`, in the order of the help. */
export const topicTable: readonly TopicEntry[] = [
  { name: "environment", summary: "the variables that are read", load: async () => (await import("./topics/environment.ts")).environment },
  { name: "exit-codes", summary: "what each exit code tells a script", load: async () => (await import("./topics/exit-codes.ts")).exitCodesTopic },
  { name: "security", summary: "what is protected, against whom, and what is not", load: async () => (await import("./topics/security.ts")).security },
  { name: "storage", summary: "where sessions are kept, and where the key lives", load: async () => (await import("./topics/storage.ts")).storage },
  { name: "troubleshooting", summary: "messages, what is safe, and what to do", load: async () => (await import("./topics/troubleshooting.ts")).troubleshooting },
];

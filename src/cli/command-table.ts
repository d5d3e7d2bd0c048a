import type { Identity } from "../base/identity.ts";
import type { Command, CommandEntry, TopicEntry } from "./command.ts";

const entry = (name: string, summary: string, load: () => Promise<Command>): CommandEntry => ({
  words: name.split(" "),
  summary,
  load,
});

const tracker = (
  word: keyof typeof import("./commands/tracker/calls.ts")["trackerCommands"],
  summary: string,
): CommandEntry =>
  entry(`tracker ${word}`, summary, async () => (await import("./commands/tracker/calls.ts")).trackerCommands[word]);

export const commandTable: readonly CommandEntry[] = [
  entry("auth login", "log in through the browser", async () => (await import("./commands/auth/login.ts")).login),
  entry(
    "auth logout",
    "end the session, here and at the service",
    async () => (await import("./commands/auth/logout.ts")).logout,
  ),
  entry(
    "auth status",
    "show who is logged in, where, and until when",
    async () => (await import("./commands/auth/status.ts")).status,
  ),
  entry("auth token", "print a valid access token", async () => (await import("./commands/auth/token.ts")).token),
  entry(
    "auth refresh",
    "refresh the access token now",
    async () => (await import("./commands/auth/refresh.ts")).refresh,
  ),
  entry(
    "auth whoami",
    "print the email address of the logged-in user",
    async () => (await import("./commands/auth/whoami.ts")).whoami,
  ),
  entry("auth list", "list the accounts", async () => (await import("./commands/auth/list.ts")).list),
  entry(
    "auth switch",
    "switch to another account",
    async () => (await import("./commands/auth/switch.ts")).switchProfile,
  ),
  entry("auth team", "show or set the default team", async () => (await import("./commands/auth/team.ts")).team),
  entry(
    "auth agent",
    "lend the login to a container, a host or a command",
    async () => (await import("./commands/auth/agent.ts")).agent,
  ),
  entry(
    "auth doctor",
    "diagnose problems and suggest fixes",
    async () => (await import("./commands/auth/doctor.ts")).doctor,
  ),
  entry(
    "auth git-credential",
    "give git an access token",
    async () => (await import("./commands/auth/git-credential.ts")).gitCredential,
  ),
  entry(
    "auth setup-git",
    "make git use the login",
    async () => (await import("./commands/auth/setup-git.ts")).setupGit,
  ),
  entry(
    "auth exec-credential",
    "give kubectl an access token",
    async () => (await import("./commands/auth/exec-credential.ts")).execCredential,
  ),
  entry(
    "auth docker-credential",
    "give Docker and others an access token",
    async () => (await import("./commands/auth/docker-credential.ts")).dockerCredential,
  ),
  entry(
    "auth bazel-credential",
    "give Bazel an access token",
    async () => (await import("./commands/auth/bazel-credential.ts")).bazelCredential,
  ),
  entry(
    "auth google-credential",
    "give Google Cloud an ID token",
    async () => (await import("./commands/auth/google-credential.ts")).googleCredential,
  ),
  entry("api", "send an authenticated request to the service", async () => (await import("./commands/api.ts")).api),
  entry("sync emit", "queue an event", async () => (await import("./commands/sync/emit.ts")).emit),
  entry("sync now", "send what is queued", async () => (await import("./commands/sync/now.ts")).now),
  entry("sync status", "show what is queued", async () => (await import("./commands/sync/status.ts")).status),
  entry("sync watch", "print events as they happen", async () => (await import("./commands/sync/watch.ts")).watch),
  entry("sync run", "keep sending what is queued", async () => (await import("./commands/sync/run.ts")).run),
  entry("sync upload", "queue artifacts", async () => (await import("./commands/sync/upload.ts")).upload),
  tracker("status", "show whether the tracker is connected"),
  tracker("mappings", "show how fields are mapped"),
  tracker("resources", "show what a project can be bound to"),
  tracker("pull", "get items from the tracker"),
  tracker("push", "send items to the tracker"),
  tracker("run", "get and send everything"),
  tracker("search", "find issues"),
  tracker("tickets", "list tickets"),
  tracker("bind", "bind a project to a board"),
  entry(
    "completion",
    "print a shell completion script",
    async () => (await import("./commands/completion.ts")).completion,
  ),
];

/** In the place of `auth login` in a tool whose author says where its users log in. */
export const builtInLogin: CommandEntry = entry(
  "auth login",
  "log in through the browser",
  async () => (await import("./commands/auth/login.ts")).loginAtBuiltInIssuer,
);

export const topicTable: readonly TopicEntry[] = [
  {
    name: "ci",
    summary: "tokens for jobs and pods, without a stored secret",
    load: async () => (await import("./topics/ci.ts")).ci,
  },
  {
    name: "environment",
    summary: "the variables that are read",
    load: async () => (await import("./topics/environment.ts")).environment,
  },
  {
    name: "exit-codes",
    summary: "what each exit code tells a script",
    load: async () => (await import("./topics/exit-codes.ts")).exitCodesTopic,
  },
  {
    name: "helpers",
    summary: "git, kubectl, Docker and others with the login",
    load: async () => (await import("./topics/helpers.ts")).helpers,
  },
  {
    name: "providers",
    summary: "how to log in with well-known providers",
    isOfUsers: true,
    load: async () => (await import("./topics/providers.ts")).providers,
  },
  {
    name: "scripting",
    summary: "tokens, JSON and requests in scripts",
    load: async () => (await import("./topics/scripting.ts")).scripting,
  },
  {
    name: "security",
    summary: "what is protected, against whom, and what is not",
    load: async () => (await import("./topics/security.ts")).security,
  },
  {
    name: "storage",
    summary: "where sessions are kept, and where the key lives",
    load: async () => (await import("./topics/storage.ts")).storage,
  },
  {
    name: "troubleshooting",
    summary: "messages, what is safe, and what to do",
    load: async () => (await import("./topics/troubleshooting.ts")).troubleshooting,
  },
];

export function topicsOf({ service }: Identity): readonly TopicEntry[] {
  return topicTable.filter(({ isOfUsers }) => service === undefined || isOfUsers !== true);
}

import type { Identity } from "../base/identity.ts";
import type { Command, CommandEntry, TopicEntry } from "./command.ts";

const entry = (name: string, summary: string, load: () => Promise<{ readonly command: Command }>): CommandEntry => ({
  words: name.split(" "),
  summary,
  load: async () => (await load()).command,
});

const tracker = (
  word: keyof typeof import("./commands/tracker/calls.ts")["trackerCommands"],
  summary: string,
): CommandEntry =>
  entry(`tracker ${word}`, summary, async () => ({
    command: (await import("./commands/tracker/calls.ts")).trackerCommands[word],
  }));

export const commandTable: readonly CommandEntry[] = [
  entry("auth login", "log in through the browser", () => import("./commands/auth/login.ts")),
  entry("auth logout", "log out, here and at the service", () => import("./commands/auth/logout.ts")),
  entry("auth status", "show who is logged in, and until when", () => import("./commands/auth/status.ts")),
  entry("auth token", "print a valid access token", () => import("./commands/auth/token.ts")),
  entry("auth refresh", "refresh the access token now", () => import("./commands/auth/refresh.ts")),
  entry("auth whoami", "print who is logged in", () => import("./commands/auth/whoami.ts")),
  entry("auth list", "list the profiles", () => import("./commands/auth/list.ts")),
  entry("auth switch", "switch to another profile", () => import("./commands/auth/switch.ts")),
  entry("auth team", "show or set the default team", () => import("./commands/auth/team.ts")),
  entry(
    "auth agent",
    "lend the login to a container, a remote host or a command",
    () => import("./commands/auth/agent.ts"),
  ),
  entry("auth doctor", "diagnose problems and suggest fixes", () => import("./commands/auth/doctor.ts")),
  entry("auth git-credential", "give git an access token", () => import("./commands/auth/git-credential.ts")),
  entry("auth setup-git", "make git use the login", () => import("./commands/auth/setup-git.ts")),
  entry("auth exec-credential", "give kubectl an access token", () => import("./commands/auth/exec-credential.ts")),
  entry(
    "auth docker-credential",
    "give Docker and others an access token",
    () => import("./commands/auth/docker-credential.ts"),
  ),
  entry("auth bazel-credential", "give Bazel an access token", () => import("./commands/auth/bazel-credential.ts")),
  entry(
    "auth google-credential",
    "give Google Cloud an ID token",
    () => import("./commands/auth/google-credential.ts"),
  ),
  entry("api", "send an authenticated request to the service", () => import("./commands/api.ts")),
  entry("sync emit", "queue an event", () => import("./commands/sync/emit.ts")),
  entry("sync now", "send the queue", () => import("./commands/sync/now.ts")),
  entry("sync status", "show the queue", () => import("./commands/sync/status.ts")),
  entry("sync watch", "print events as they happen", () => import("./commands/sync/watch.ts")),
  entry("sync run", "keep sending the queue", () => import("./commands/sync/run.ts")),
  entry("sync upload", "queue artifacts", () => import("./commands/sync/upload.ts")),
  tracker("status", "show the state of the connection"),
  tracker("mappings", "show the field mappings"),
  tracker("resources", "list the resources for a binding"),
  tracker("pull", "get items from the tracker"),
  tracker("push", "send items to the tracker"),
  tracker("run", "get and send items"),
  tracker("search", "find issues"),
  tracker("tickets", "list tickets"),
  tracker("bind", "bind a project to a board"),
  entry("completion", "print a shell completion script", () => import("./commands/completion.ts")),
];

/** Replaces `auth login` in a tool with a built-in issuer. */
export const builtInLogin: CommandEntry = entry("auth login", "log in through the browser", async () => ({
  command: (await import("./commands/auth/login.ts")).loginAtBuiltInIssuer,
}));

export function ownEntry({
  words,
  summary,
}: {
  readonly words: readonly string[];
  readonly summary: string;
}): CommandEntry {
  // They become part of shell scripts.
  if (words.length === 0 || !words.every((word) => /^[a-z][a-z0-9_-]*$/i.test(word)))
    throw new TypeError(
      `${JSON.stringify(words)} cannot name a command: each word begins with a letter, and has only letters, digits, "_" and "-"`,
    );
  const usage = words.join(" ");
  const run = (): never => {
    throw new Error(`"${usage}" is a command of the tool, and only the tool itself runs it`);
  };
  return { words, summary, load: async () => ({ usage, description: summary, options: {}, examples: [], run }) };
}

const topic = (
  name: string,
  summary: string,
  load: () => Promise<{ text(identity: Identity): string }>,
  isOfUsers?: true,
): TopicEntry => ({ name, summary, isOfUsers, load: async () => (await load()).text });

export const topicTable: readonly TopicEntry[] = [
  topic("ci", "tokens for jobs and pods, without a secret", () => import("./topics/ci.ts")),
  topic("environment", "environment variables", () => import("./topics/environment.ts")),
  topic("exit-codes", "exit codes, for scripts", () => import("./topics/exit-codes.ts")),
  topic("helpers", "git, kubectl, Docker and others", () => import("./topics/helpers.ts")),
  topic("providers", "settings for well-known providers", () => import("./topics/providers.ts"), true),
  topic("scripting", "tokens, JSON and requests in scripts", () => import("./topics/scripting.ts")),
  topic("security", "the security model, claim by claim", () => import("./topics/security.ts")),
  topic("storage", "how sessions and keys are stored", () => import("./topics/storage.ts")),
  topic("troubleshooting", "messages, and what to do about them", () => import("./topics/troubleshooting.ts")),
];

export function topicsOf({ service }: Identity): readonly TopicEntry[] {
  return topicTable.filter(({ isOfUsers }) => service === undefined || isOfUsers !== true);
}

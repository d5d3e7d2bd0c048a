import { NotAuthenticatedError, hint, isAuthError } from "../../../base/errors.ts";
import { targetOf } from "../../../http/token-target.ts";
import { standardInput } from "../../../platform/standard-input.ts";
import { defineCommand, profileOption, usageError, type Command, type Context } from "../../command.ts";
import { credentialOf, plainOrigin, serviceOf } from "../../credential.ts";

/**
 * gitcredentials(7) and git-credential(1). "password" is that protocol's name for an access token: no password is asked
 * for or stored.
 */
export const command: Command = defineCommand({
  usage: "auth git-credential get|store|erase",
  description: "Give git an access token, for the profile's service only.",
  options: { ...profileOption },
  choices: ["get", "store", "erase"],
  examples: [
    [
      ({ command }) =>
        `git config --global credential.https://service.example.helper '!${command} auth git-credential'`,
      "set up git by hand",
    ],
    [
      ({ command }) => `printf 'protocol=https\\nhost=service.example\\n' | ${command} auth git-credential get`,
      "show what git gets",
    ],
  ],
  async run(context, _values, [operation]) {
    const asked = await readAttributes(context);
    const isOurs = await isForOurService(context, asked);
    if (operation === "get" && isOurs) return answerOrQuit(context, asked);
    // A refused token. If still stored, this is its one refresh, and git asks again.
    const refused = asked.get("credential") ?? asked.get("password");
    const kind = context.app.tokenSource?.kind;
    if (operation === "erase" && isOurs && refused && (kind === undefined || kind === "lent"))
      await replaceRefused(context, refused);
    // "store" has nothing to do. gitcredentials(7): unknown operations are ignored.
    return 0;
  },
});

/**
 * Without an answer git would prompt for a user name, without naming this program. So it is told to stop, and the user
 * why: in one line, since git's own follows.
 */
async function answerOrQuit(context: Context, asked: ReadonlyMap<string, string>): Promise<number> {
  const { out, signal } = context;
  try {
    await answer(context, asked);
    return 0;
  } catch (error) {
    if (!isAuthError(error) || signal.aborted) throw error;
    out.error(`${error.message}. ${out.words(error.next)}`);
    out.answer("quit=1");
    return (await import("../../exit-code.ts")).exitCodeOf(error.code);
  }
}

async function answer(context: Context, asked: ReadonlyMap<string, string>): Promise<void> {
  const { token, expiresAt } = await credentialOf(context);
  // Bearer (RFC 6750 §2.1), if this git can: before 2.46 it knows only Basic.
  const lines = asked.get("capability[]")?.split("\n").includes("authtype")
    ? ["capability[]=authtype", "authtype=Bearer", `credential=${token}`, "ephemeral=1"]
    : [`username=${asked.get("username") ?? "oauth2"}`, `password=${token}`];
  if (expiresAt !== undefined) lines.push(`password_expiry_utc=${Math.floor(expiresAt / 1000)}`);
  context.out.answer(lines.join("\n"));
}

async function replaceRefused({ app, signal }: Context, refused: string): Promise<void> {
  try {
    await app.tokens().getCredential({ rejected: refused, signal });
  } catch (error) {
    // git's next request will tell the user.
    if (!(error instanceof NotAuthenticatedError)) throw error;
  }
}

/** S-001: git asks for every host, and a repository's submodules can name any host, or a neighbor on this one. */
async function isForOurService({ app, out }: Context, asked: ReadonlyMap<string, string>): Promise<boolean> {
  const host = asked.get("host") ?? "";
  const origin = host.includes("/") ? undefined : plainOrigin(`${asked.get("protocol")}://${host}`);
  if (origin === undefined) return false;
  const service = await serviceOf(app);
  if (service === undefined || new URL(service).origin !== origin) return false;
  if (new URL(service).pathname === "/") return true;
  const path = asked.get("path");
  const ask = hint`${{ run: ["git", "config", "--global", `credential.${new URL(service).origin}.useHttpPath`, "true"] }}`;
  if (path === undefined) out.warn(hint`the service is ${service}, and git does not name its repository; run: ${ask}`);
  // git has decoded the path: encoded again, no character ends it, and ".." leads where git's request goes.
  return (
    path !== undefined && targetOf(`${origin}/${path.split("/").map(encodeURIComponent).join("/")}`, service).isService
  );
}

/** git's longest line is 64 KiB, and it sends a few short ones. */
const mostBytes = 256 * 1024;

/** Attributes up to a blank line or the end; lists (`capability[]`) with one value per line. */
async function readAttributes({ stdin, signal }: Context): Promise<ReadonlyMap<string, string>> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of standardInput(stdin(), signal)) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > mostBytes) {
      const fix = hint`Let git run it: git config credential.helper '!${{ command: "auth git-credential" }}'`;
      throw usageError("standard input is too long for git", fix);
    }
    if (/(?:^|\n)\n/.test(text)) break;
  }
  const attributes = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") break;
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/.exec(line) ?? [];
    const earlier = name.endsWith("[]") ? attributes.get(name) : undefined;
    attributes.set(name, earlier === undefined ? value : `${earlier}\n${value}`);
  }
  return attributes;
}

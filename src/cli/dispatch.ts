import { hint, type Hint } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import {
  commandName,
  optionsOf,
  usageError,
  usageLine,
  type Command,
  type CommandEntry,
  type OptionSpec,
} from "./command.ts";
import { commandTable, topicsOf } from "./command-table.ts";
import type { ToolCommands } from "./tool.ts";

type OptionValue = string | number | boolean | string[] | undefined;

type Request =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "run";
      readonly command: Command;
      readonly values: Readonly<Record<string, OptionValue>>;
      readonly positionals: readonly string[];
    };

export async function dispatch(
  argv: readonly string[],
  identity: Identity,
  table: readonly CommandEntry[] = commandTable,
): Promise<Request> {
  const { inFront, line: typed } = splitOptions(argv);
  const line = inFull(typed, table);
  const [first, ...others] = line;
  if (first === undefined) requireProfileName(inFront);
  if (first === "--version" || first === "-V") return { kind: "text", text: identity.version };
  if (first === "help") {
    const about = inFull(others, table);
    return (await helpTopic(about, identity, table)) ?? dispatch([...about, "--help"], identity, table);
  }
  const { entry, words, rest } = findEntry(line, table);
  if (entry === undefined && words.length > 0 && rest[0] === "help")
    return dispatch([...words, ...rest.slice(1), "--help"], identity, table);
  if (entry === undefined) return groupRequest(words, rest[0], identity, table);
  const command = await entry.load();
  const { values, positionals } = await parse(command, [...inFront, ...rest]);
  if (values["help"] === true)
    return { kind: "text", text: (await import("./help.ts")).commandHelp(command, identity) };
  const required = command.usage.replace(/ \[.*?\]/g, "").split(" ");
  const missing = required[words.length + positionals.length];
  if (missing !== undefined) throw usageError(`missing argument: ${missing}`, usageOf(command));
  const most = command.usage.includes("…") ? Infinity : command.usage.split(" ").length - words.length;
  if (positionals.length > most) throw usageError(`unexpected argument "${positionals[most]}"`, usageOf(command));
  return { kind: "run", command, values, positionals };
}

/** These two without a group, as in most tools, unless the tool has such a command. */
function inFull(line: readonly string[], table: readonly CommandEntry[]): readonly string[] {
  const [word = ""] = line;
  return /^log(in|out)$/.test(word) && entriesBelow([word], table).length === 0 ? ["auth", ...line] : line;
}

/** `--profile work auth whoami`: options in front belong to the command. */
export function splitOptions(argv: readonly string[]): { inFront: readonly string[]; line: readonly string[] } {
  let at = 0;
  // --profile takes the next word, unless its value is in the same one.
  while (/^--(json|verbose|debug|no-input|profile)$|^--profile=/.test(argv[at] ?? ""))
    at += argv[at] === "--profile" ? 2 : 1;
  return { inFront: argv.slice(0, at), line: argv.slice(at) };
}

function requireProfileName(inFront: readonly string[]): void {
  if (inFront.at(-1) === "--profile")
    throw usageError("--profile needs a value", hint`Try: ${{ command: "--profile NAME auth status" }}`);
}

export function globalOptions(argv: readonly string[]): ReturnType<ToolCommands["options"]> {
  const { inFront, line } = splitOptions(argv);
  requireProfileName(inFront);
  const at = inFront.findLastIndex((word) => word.startsWith("--profile"));
  const profile = inFront[at] === "--profile" ? inFront[at + 1] : inFront[at]?.slice("--profile=".length);
  const has = (name: string): boolean => inFront.includes(`--${name}`);
  return { profile, json: has("json"), verbose: has("verbose"), debug: has("debug"), argv: line };
}

async function helpTopic(
  words: readonly string[],
  identity: Identity,
  table: readonly CommandEntry[],
): Promise<Request | undefined> {
  const [word = "", ...others] = words;
  const more = others.filter((other) => !/^--(json|verbose|debug|no-input|help)$|^-h$/.test(other));
  if (word === "" || word.startsWith("-") || entriesBelow([word], table).length > 0) return undefined;
  const topics = topicsOf(identity);
  const topic = topics.find(({ name }) => name === word);
  if (topic !== undefined && more[0] !== undefined)
    throw usageError(`unexpected argument "${more[0]}"`, hint`Usage: ${{ command: `help ${word}` }}`);
  if (topic !== undefined) return { kind: "text", text: (await topic.load())(identity) };
  const { nearest } = await import("./nearest.ts");
  const meant = nearest(word, [...topics.map(({ name }) => name), ...table.map(({ words: [first = ""] }) => first)]);
  const see = hint`See: ${{ command: "--help" }}`;
  throw usageError(
    `"${word}" is not a command or a topic of ${identity.command}`,
    meant ? hint`Did you mean ${{ command: `help ${meant}` }}? ${see}` : see,
  );
}

async function groupRequest(
  words: readonly string[],
  next: string | undefined,
  identity: Identity,
  table: readonly CommandEntry[],
): Promise<Request> {
  const below = entriesBelow(words, table);
  const isTop = words.length === 0;
  if (next === undefined || next === "--help" || next === "-h") {
    const { groupHelp } = await import("./help.ts");
    return { kind: "text", text: groupHelp(words, below, isTop ? topicsOf(identity) : [], identity) };
  }
  const { nearest } = await import("./nearest.ts");
  const known = new Set([
    ...below.map((entry) => entry.words[words.length] ?? ""),
    "--help",
    ...(isTop ? ["--version"] : []),
  ]);
  // `status` without its group is not a typo.
  const meant =
    nearest(next, known) ??
    (next.startsWith("-")
      ? await optionBelow(next, words, below)
      : below
          .find((entry) => entry.words.at(-1) === next)
          ?.words.slice(words.length)
          .join(" "));
  const inGroup = (rest: string): { command: string } => ({ command: [...words, rest].join(" ") });
  const usage = hint`Usage: ${inGroup("COMMAND [options]")}`;
  throw usageError(
    `"${next}" is not ${next.startsWith("-") ? "an option" : "a command"} of ${[identity.command, ...words].join(" ")}`,
    meant ? hint`Did you mean ${inGroup(meant)}? ${usage}` : hint`${usage}. See: ${inGroup("--help")}`,
  );
}

async function optionBelow(
  typed: string,
  words: readonly string[],
  below: readonly CommandEntry[],
): Promise<string | undefined> {
  const { nearestOption } = await import("./nearest.ts");
  const commands = await Promise.all(
    below.map(async ({ words: all, load }) => ({ rest: all.slice(words.length), options: optionsOf(await load()) })),
  );
  const meant = nearestOption(
    typed.replace(/^-+|=.*$/gs, ""),
    commands.flatMap(({ options }) => options),
  );
  if (meant === undefined) return undefined;
  const [one, other] = commands.filter(({ options }) => options.some(([name]) => name === meant));
  return [...(one === undefined || other !== undefined ? ["COMMAND"] : one.rest), `--${meant}`].join(" ");
}

function findEntry(
  argv: readonly string[],
  table: readonly CommandEntry[],
): { entry: CommandEntry | undefined; words: readonly string[]; rest: readonly string[] } {
  let count = 0;
  for (; ; count += 1) {
    const words = argv.slice(0, count);
    const entry = table.find(
      (candidate) => candidate.words.length === count && candidate.words.every((word, index) => word === words[index]),
    );
    if (entry !== undefined) return { entry, words, rest: argv.slice(count) };
    const next = argv[count];
    if (next === undefined || entriesBelow([...words, next], table).length === 0)
      return { entry: undefined, words, rest: argv.slice(count) };
  }
}

function entriesBelow(words: readonly string[], table: readonly CommandEntry[]): readonly CommandEntry[] {
  return table.filter((entry) => words.every((word, index) => entry.words[index] === word));
}

/** Node's own parser, not strict: errors are reported here, with the nearest name. */
async function parse(
  command: Command,
  args: readonly string[],
): Promise<{ values: Record<string, OptionValue>; positionals: string[] }> {
  const options = new Map<string, { name: string; option: OptionSpec }>();
  const parserOptions: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [name, option] of optionsOf(command)) {
    const type = option.value === undefined ? "boolean" : "string";
    for (const spelling of [name, option.alias ?? name]) {
      options.set(spelling, { name, option });
      parserOptions[spelling] = { type, ...(option.short && spelling === name && { short: option.short }) };
    }
  }
  // Not imported: Node would evaluate every property of the module, and some load worker threads.
  const { parseArgs } = process.getBuiltinModule("node:util");
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: parserOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, OptionValue> = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const { rawName, value } = token;
    const known = options.get(token.name);
    if (known === undefined) {
      const { nearestOption } = await import("./nearest.ts");
      const meant = nearestOption(token.name, optionsOf(command));
      const usage = usageOf(command);
      throw usageError(
        `"${rawName}" is not an option of "${commandName(command)}"`,
        meant ? hint`Did you mean --${meant}? ${usage}` : usage,
      );
    }
    const { name, option } = known;
    if (option.value === undefined) {
      if (value !== undefined) throw usageError(`${rawName} takes no value`, usageOf(command));
      values[name] = true;
      continue;
    }
    // An option instead of a value means a forgotten value: `--profile --json` names no profile.
    if (value === undefined || (!token.inlineValue && value.startsWith("-") && value !== "-"))
      throw usageError(`${rawName} needs a value`, usageOf(command));
    const earlier = values[name];
    if (option.multiple) values[name] = [...(Array.isArray(earlier) ? earlier : []), value];
    else values[name] = option.range === undefined ? value : wholeNumber(name, value, option.range, command);
  }
  return { values, positionals };
}

function wholeNumber(
  name: string,
  text: string,
  [least, greatest]: NonNullable<OptionSpec["range"]>,
  command: Command,
): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= greatest) return value;
  throw usageError(`--${name} is "${text}", not a whole number from ${least} to ${greatest}`, usageOf(command));
}

function usageOf(command: Command): Hint {
  return hint`Usage: ${{ command: usageLine(command) }}`;
}

import { builtInLogin, commandTable, topicTable } from "../../src/cli/command-table.ts";
import { commonOptions } from "../../src/cli/command.ts";
import { groupSummaries } from "../../src/cli/help.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { page } from "../../src/base/text.ts";
import { filesIn, textOf } from "./import-graph.ts";
import { textsIn } from "./source-texts.ts";

/** A text for users, and its source. */
export interface Prose {
  readonly from: string;
  readonly text: string;
}

export async function optionTexts(): Promise<Prose[]> {
  const commands = await loaded();
  const own = commands.flatMap(({ usage, options }) =>
    Object.entries(options).map(([name, { help }]) => ({ from: `${usage} --${name}`, text: help })),
  );
  return [...own, ...Object.entries(commonOptions).map(([name, { help }]) => ({ from: `--${name}`, text: help }))];
}

export async function descriptions(): Promise<Prose[]> {
  return (await loaded()).map(({ usage, description }) => ({
    from: usage,
    text: typeof description === "function" ? description(ownIdentity) : description,
  }));
}

/** Summaries of commands, and descriptions of examples. */
export async function summaries(): Promise<Prose[]> {
  const examples = (await loaded()).flatMap(({ usage, examples }) =>
    examples.flatMap(([, does]) => (does === undefined ? [] : { from: `${usage}, an example`, text: does })),
  );
  return [
    ...examples,
    ...[...commandTable, ...topicTable].map((entry) => ({
      from: "words" in entry ? entry.words.join(" ") : entry.name,
      text: entry.summary,
    })),
    ...Object.entries(groupSummaries).map(([from, text]) => ({ from, text })),
  ];
}

async function loaded(): Promise<Awaited<ReturnType<(typeof commandTable)[number]["load"]>>[]> {
  return Promise.all([...commandTable, builtInLogin].map(({ load }) => load()));
}

/** Without examples. */
export async function topicTexts(): Promise<Prose[]> {
  return Promise.all(
    topicTable.map(async ({ name, load }) => ({
      from: `help ${name}`,
      text: page((await load())(ownIdentity), 80).replace(/^ {4}.*$/gm, ""),
    })),
  );
}

/** Files whose texts are programs, queries or scripts. */
const programs = /app\/stores\/(contract|postgres|redis)|completion\/scripts|keychain-program|cli\/(commands|topics)\//;

/** Errors, hints, findings, notices and pages: texts of three words or more. */
export function messages(): Prose[] {
  return filesIn("src")
    .filter((file) => !programs.test(file) || /cli\/commands/.test(file))
    .flatMap((from) => textsIn(from).map((text) => ({ from, text })))
    .filter(
      ({ text }) =>
        /\p{L}[\p{L}'’-]* \p{L}[\p{L}'’-]*|… \p{L}+/u.test(text) && !/^\s*(?:[.:]root|<!doctype)/.test(text),
    );
}

/** Without code, quotations and headings. */
export function documentTexts(): Prose[] {
  return ["README.md", "CHANGELOG.md", "test/README.md", ...filesIn("src", /\.md$/)]
    .filter((file) => !/\/API\.md$|docs\/api\//.test(file))
    .map((from) => ({ from, text: withoutCode(textOf(from)) }));
}

function withoutCode(markdown: string): string {
  return markdown
    .replace(/^```[\s\S]*?^```$/gm, "")
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/`[^`\n]*`/g, "CODE");
}

/** A colon or semicolon ends one, and so does a paragraph, a list's item or a table's cell. */
export function sentences(text: string): string[] {
  return text
    .replace(/\n(?=\s*(?:[-|#]|\d+\.)|\n)/g, "\u0000")
    .split(/\u0000|\||(?<=[.!?:;)”"])[.!?:;]?\s+(?=["“(]?[\p{Lu}\d`…])|[:;]\s/u)
    .map((sentence) => sentence.replace(/\s+/g, " ").trim())
    .filter(Boolean);
}

/** Words have a letter or a digit. */
export function wordsOf(sentence: string): number {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\d…]/u.test(word)).length;
}

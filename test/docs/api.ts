import { join } from "node:path";
import { commonOptions, type OptionSpec } from "../../src/cli/command.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { filesIn, root, textOf } from "../helpers/import-graph.ts";
import { declarationIn, entryPointsOf, exportsOf, unexportedBehind, type Declaration } from "./declarations.ts";
import { withPart } from "./part.ts";

/** Types of other libraries and of the runtime, as far as they are used, and what its comment says in full: their pages have no code for them. */
const withoutCode = new Set([
  "AuthErrorCode",
  "Clock",
  "Environment",
  "EtcdClient",
  "EtcdOperation",
  "EtcdWatcher",
  "FakeFetch",
  "FakeOutput",
  "GoogleHeaders",
  "IoRedis",
  "KubernetesApi",
  "KubernetesSecret",
  "NodeRedis",
  "OctokitAuthentication",
  "OctokitRequest",
  "OutputStream",
  "PostgresClient",
  "PostgresPool",
  "RequestHeaders",
  "Socket",
  "SocketConstructor",
]);

/** What callers write themselves: each sentence is a requirement, so none is left out. */
const written = new Set(["SharedStore", "SimpleKeychain"]);

const folder = "src/docs/api";
const made = "<!-- Made by npm run api-docs. -->";

interface Page {
  readonly path: string;
  readonly title: string;
  readonly about: readonly string[];
  readonly entries: readonly Entry[];
}

interface Entry extends Declaration {
  readonly isExported: boolean;
}

/** The pages of the API by their paths, as the declarations in `dist/` and the tables of the commands are now. */
export async function apiPages(): Promise<Map<string, string>> {
  const pages = declaredPages();
  for (const name of withoutCode) {
    if (!pages.some(({ entries }) => entries.some((one) => one.name === name))) throw new Error(`nothing is ${name}`);
  }
  const index = `${folder}/README.md`;
  const names = pages.flatMap(({ path, entries }) =>
    entries.filter(({ isExported }) => isExported).map(({ name }) => ({ name, page: path.replace(`${folder}/`, "") })),
  );
  return new Map([
    [index, withPart(textOf(index), "names", listOf(names))],
    ...pages.map(({ path, title, about, entries }): [string, string] => [
      path,
      pageOf(title, [...about, ...entries.map(textOfEntry)]),
    ]),
    [`${folder}/options.md`, pageOf("Options of the commands", await optionsOfCommands())],
  ]);
}

function pageOf(title: string, parts: readonly string[]): string {
  return `${[made, `# ${title}`, ...parts].join("\n\n")}\n`;
}

/** A page for each entry point, and one for the JSON output, whose types `spec-kitty/cli` exports. */
function declaredPages(): Page[] {
  const answers = join(root, "dist", "cli", "json-output.d.ts");
  const points = entryPointsOf(root).map(({ name, types }) => ({ name, exported: exportsOf(types) }));
  const all = points.flatMap(({ exported }) => exported);
  return [
    ...points.map(({ name, exported }) => {
      const own = exported.filter(({ file }) => file !== answers);
      return {
        path: `${folder}/${name.replace(/^.*\//, "")}.md`,
        title: `\`${name}\``,
        about: [],
        entries: [
          ...own.sort(byKind).map((one) => ({ ...one, isExported: true })),
          ...passedIn(own, all).map((one) => ({ ...one, isExported: false })),
        ],
      };
    }),
    {
      path: `${folder}/json-output.md`,
      title: "JSON output of the commands",
      about: [
        "With `--json`. `spec-kitty/cli` exports these types. Times are ISO 8601 in UTC; a member that is absent is not known.\n`api` and `tracker … --json` print the service's JSON unchanged.",
        `Numbers of the doctor's findings, the same in every version: ${findings()}.`,
      ],
      entries: exportsOf(answers).map((one) => ({ ...one, isExported: true })),
    },
  ];
}

/** The types that only members of options have: not exported, since a literal needs no name for them. */
function passedIn(exported: readonly Declaration[], all: readonly Declaration[]): Declaration[] {
  const isKnown = ({ name, from }: { name: string; from: string }): boolean =>
    from.endsWith("runtime-types.d.ts") ||
    !from.endsWith(".d.ts") ||
    all.some((one) => one.name === name && one.file === from);
  const found = new Map(
    unexportedBehind(exported, isKnown).map(({ name, from }) => [`${from}#${name}`, { name, from }]),
  );
  return [...found.values()].map(({ name, from }) => declarationIn(from, name)).sort(byKind);
}

const kinds: readonly Declaration["kind"][] = ["function", "const", "class", "interface", "type"];

function byKind(one: Declaration, other: Declaration): number {
  return kinds.indexOf(one.kind) - kinds.indexOf(other.kind);
}

/** Every name with a link to its place. */
function listOf(names: readonly { name: string; page: string }[]): string {
  const sorted = [...names].sort((one, other) => (one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1));
  return sorted.map(({ name, page }) => `[${name}](${page}#${name.toLowerCase()})`).join(",\n");
}

/** The doc comment in Markdown, and below it the declaration with the comments of its members. */
function textOfEntry(entry: Entry): string {
  const hasCode = !withoutCode.has(entry.name);
  const [text = "", ...tags] = partsOf(entry.comment);
  return [
    `## \`${entry.name}\``,
    hasCode ? summaryOf(entry.comment) : text,
    tags.map((tag) => `- ${tag}`).join("\n"),
    entry.isExported ? "" : "Not exported.",
    hasCode ? `\`\`\`ts\n${codeOf(entry)}\n\`\`\`` : "",
  ]
    .filter(Boolean)
    .join("\n\n");
}

/** A doc comment: what it says, and one text a tag. A parameter whose type says all is left out. */
function partsOf(comment: string): string[] {
  return comment
    .replace(/^\s*\* ?/gm, "")
    .trim()
    .split(/^@(?=\w)/m)
    .filter((part) => !/^param \w+ - see \{@link/.test(part))
    .map((part) =>
      part
        .trim()
        .replace(/^param (\w+) - /, "`$1`: ")
        .replace(/^returns /, "Returns ")
        .replace(/^throws /, "Throws ")
        .replace(/\{@link ([\w.]+)\}/g, "`$1`"),
    );
}

/** The first sentence of a doc comment, and what it says of defaults. */
function summaryOf(comment: string): string {
  const [text = ""] = partsOf(comment);
  const [first = "", ...more] = text.replace(/\s+/g, " ").split(/(?<=[.?])(?<!\betc\.|§[\d.]+) (?=[A-Z`"(])/);
  return [first, ...more.filter((sentence) => /default/.test(sentence))].join(" ");
}

/** A declaration as callers read it: without what says where it is made, and with line comments. */
function codeOf({ name, text }: Declaration): string {
  const code = text
    .replace(/^export (declare )?|^declare /, "")
    .replace(/^ +#private;\n/m, "")
    // The library makes them.
    .replace(/(?:^ {4}\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^ {4}constructor\((?:.*\);|[\s\S]*?^ {4}\}\);)\n/m, "")
    .replace(/\bruntime\./g, "")
    .replace(/^( *)readonly /gm, "$1")
    .replace(/^( +\w+\?: .*) \| undefined;$/gm, "$1;")
    .replace(/^( +\w+\?: )\((.*=> .*)\);$/gm, "$1$2;")
    // The compiler begins each member of such a union in the first column.
    .replace(
      / = \n([\s\S]*)$/,
      (_, members: string) => ` =\n${members.replace(/^/gm, "    ").replace(/^ {4}\{/m, "    | {")}`,
    )
    .replace(/^ +\| \{/gm, "    | {")
    .replace(/^( *)\/\*\*((?:(?!\*\/)[\s\S])*)\*\/$/gm, (_, indent: string, comment: string) =>
      lineComments(written.has(name) ? partsOf(comment) : [summaryOf(comment)], indent),
    )
    .replace(/^(?: {4})+/gm, (indent) => " ".repeat(indent.length / 2));
  if (/\btypeof \w|\/\*/.test(code)) throw new Error(`${name} has a form that no page can show:\n${code}`);
  return code;
}

function lineComments(texts: readonly string[], indent: string): string {
  const lines = texts.flatMap((text) => wrapped(text.replace(/\s+/g, " "), 110 - indent.length / 2));
  return lines.map((line) => `${indent}// ${line}`).join("\n");
}

function wrapped(text: string, width: number): string[] {
  return text.match(new RegExp(`\\S.{0,${width - 1}}(?= |$)`, "g")) ?? [];
}

/** What each command takes; what all commands of a group take is said once. */
async function optionsOfCommands(): Promise<string[]> {
  const all = await Promise.all(
    commandTable.map(async ({ words: [group = ""], load }) => ({ group, command: await load() })),
  );
  const groups = [...new Set(all.map(({ group }) => group))].map((group) => {
    const commands = all.filter((one) => one.group === group).map(({ command }) => command);
    const lists = commands.map(({ options }) => namesOf(options));
    const shared =
      commands.length < 2 ? [] : (lists[0] ?? []).filter((one) => lists.every((list) => list.includes(one)));
    const rows = commands.map(({ usage, options }) => {
      const own = namesOf(options).filter((one) => !shared.includes(one) && !common.includes(one));
      return `- \`${usage}\`${own.length === 0 ? "" : `: ${own.join(", ")}`}`;
    });
    return [
      ...(shared.length === 0 ? [] : [`Every \`${group}\` command: ${shared.join(", ")}.`]),
      rows.join("\n"),
    ].join("\n\n");
  });
  return [`\`spec-kitty help …\` explains each. Every command: ${common.join(", ")}.`, ...groups];
}

const common = namesOf(commonOptions);

/** Options as they are typed, in backticks. */
function namesOf(options: Readonly<Record<string, OptionSpec>>): string[] {
  return Object.entries(options).map(
    ([name, { type, value, short }]) =>
      `\`${short === undefined ? "" : `-${short}, `}--${name}${type !== "boolean" ? ` ${value ?? "VALUE"}` : ""}\``,
  );
}

function findings(): string {
  const found = filesIn("src/doctor").flatMap((file) => [
    ...textOf(file).matchAll(/\breportOn\(\s*"(D\d+)",\s*"([^"]+)"/g),
  ]);
  if (found.length === 0) throw new Error("the doctor has no findings");
  return [...new Set(found.map(([, number, subject]) => `\`${number}\` ${subject}`))].sort().join(", ");
}

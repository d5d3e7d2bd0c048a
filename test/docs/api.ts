import { join } from "node:path";
import { root, textOf } from "../helpers/import-graph.ts";
import { findings, optionsOfCommands } from "./command-tables.ts";
import { codeOf } from "./declaration-code.ts";
import { declarationIn, entryPointsOf, exportsOf, unexportedBehind, type Declaration } from "./declarations.ts";
import { partsOf, summaryOf } from "./doc-comment.ts";
import { anchorOf, withPart } from "./markdown.ts";

/**
 * Shapes of what other libraries and the runtime make: no caller writes them, so they only stand in signatures. Some are
 * exported, since a compiler that infers a type must be able to name it.
 */
export const byName: ReadonlySet<string> = new Set([
  "Clock",
  "Environment",
  "EtcdClient",
  "FakeFetch",
  "IoRedis",
  "KubernetesApi",
  "KubernetesSecret",
  "NodeRedis",
  "OutputStream",
  "PostgresPool",
  "RedirectScope",
  "Socket",
  "SocketConstructor",
]);

/** What its comment says in full. */
const withoutCode = new Set(["AuthErrorCode"]);

const folder = "src/docs/api";
const index = `${folder}/README.md`;
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
  for (const name of [...byName, ...withoutCode]) {
    if (!pages.some(({ entries }) => entries.some((one) => one.name === name))) throw new Error(`nothing is ${name}`);
  }
  return new Map([
    [index, withPart(textOf(index), "names", listOf(pages))],
    ...pages.map(({ path, title, about, entries }): [string, string] => [
      path,
      pageOf(title, [...about, ...entries.filter(({ name }) => !byName.has(name)).map(textOfEntry)]),
    ]),
    [`${folder}/options.md`, pageOf("Options of the commands", await optionsOfCommands())],
  ]);
}

function pageOf(title: string, parts: readonly string[]): string {
  return `${[made, `# ${title}`, ...parts].join("\n\n")}\n`;
}

/** A page for each entry point, and one for the JSON output, whose type `spec-kitty/cli` exports. */
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
        "Times are ISO 8601 in UTC; absent members are unknown. `api` and `tracker` print the service's JSON unchanged,\nthe `…-credential` commands the formats of their callers.",
        `Numbers of the doctor's findings: ${findings()}.`,
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

/** Every exported name that a page has, with a link to it. */
function listOf(pages: readonly Page[]): string {
  const links = pages.flatMap(({ path, entries }) =>
    entries
      .filter(({ name, isExported }) => isExported && !byName.has(name))
      .map(({ name }) => ({ name, link: `[${name}](${path.replace(`${folder}/`, "")}#${name.toLowerCase()})` })),
  );
  return links
    .sort((one, other) => (one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1))
    .map(({ link }) => link)
    .join(",\n");
}

/** The doc comment in Markdown, and below it the declaration with the comments of its members. */
function textOfEntry(entry: Entry): string {
  const { name, kind, comment } = entry;
  const hasCode = !withoutCode.has(name);
  const example = examples.get(name);
  const [text = "", ...tags] = partsOf(comment);
  return [
    `## \`${name}\``,
    example !== undefined
      ? `[Example](README.md#${example})`
      : kind === "function" || !hasCode
        ? text
        : summaryOf(comment),
    tags.map((tag) => `- ${tag}`).join("\n"),
    hasCode ? `\`\`\`ts\n${codeOf(entry)}\n\`\`\`` : "",
  ]
    .filter(Boolean)
    .join("\n\n");
}

/** The places in the index of the functions that it describes by hand. */
const examples = new Map(
  [...textOf(index).matchAll(/^### (`(\w+)\(.*)$/gm)].map(([, title = "", name = ""]) => [name, anchorOf(title)]),
);

import { join } from "node:path";
import { commonOptions, type OptionSpec } from "../../src/cli/command.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { filesIn, root, textOf } from "../helpers/import-graph.ts";
import {
  constantsOf,
  declarationIn,
  entryPointsOf,
  exportsOf,
  unexportedBehind,
  type Declaration,
} from "./declarations.ts";

/** `src/API.md`, as the declarations in `dist/` and the tables of the commands are now. */
export async function apiReference(): Promise<string> {
  const answers = join(root, "dist", "cli", "json-output.d.ts");
  const isAnswer = ({ file }: Declaration): boolean => file === answers;
  const all = entryPointsOf(root).flatMap(({ types }) => exportsOf(types));
  const entries = entryPointsOf(root).flatMap(({ name, types }) => {
    const exported = exportsOf(types).filter((one) => !isAnswer(one));
    return [
      `## \`${name}\``,
      ...exported.sort(byKind).map((one) => entry(one)),
      ...membersOf(exported, all).map((one) => entry(one, isMember)),
    ];
  });
  return `${[
    "# API",
    "Made by `npm run api-docs` from the declarations of every entry point and the tables of the commands; a test fails when it\nis out of date.",
    "`runtime.Response` and the other types with that prefix are the global ones of the project that imports the package:\nthose of lib dom, or of Node, or a minimum where it has neither.",
    ...entries,
    "## JSON output of the commands",
    "What the commands print with `--json`; `spec-kitty/cli` exports the types. Times are ISO 8601 in UTC; a member that is absent\nis not known.",
    "`api` prints the body of the answer and `tracker … --json` what the tracker answers, both unchanged.",
    exportsOf(answers)
      .map((one) => entry(one))
      .join("\n\n"),
    "## Options of the commands",
    `Every command also has ${optionList(commonOptions)}.`,
    await optionTable(),
    "## Numbers of the doctor's findings",
    `A number keeps its meaning in every version: ${findings()}.`,
  ].join("\n\n")}\n`;
}

const isMember = "Not exported: the type of what an object of options has in it.";

/** The types that only members of options have. */
function membersOf(exported: readonly Declaration[], all: readonly Declaration[]): Declaration[] {
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

/** The doc comment in Markdown, and below it the declaration with the comments of its members. */
function entry(declaration: Declaration, note?: string): string {
  const { name, comment, text } = declaration;
  const [summary = "", ...tags] = comment
    .replace(/^\s*\* ?/gm, "")
    .replace(/\{@link ([\w.]+)\}/g, "`$1`")
    .trim()
    .split(/^@(?=\w)/m);
  const told = tags.map(
    (tag) =>
      `- ${tag
        .trim()
        .replace(/^param (\w+) - /, "`$1`: ")
        .replace(/^returns /, "Returns ")
        .replace(/^throws /, "Throws ")}`,
  );
  const code = [text, ...constantsOf(declaration)]
    .map((one) => one.replace(/^export (declare )?|^declare /, "").replace(/^ +#private;\n/m, ""))
    .join("\n");
  return [`### \`${name}\``, summary.trim(), note, told.join("\n"), `\`\`\`ts\n${code}\n\`\`\``]
    .filter(Boolean)
    .join("\n\n");
}

async function optionTable(): Promise<string> {
  const commands = await Promise.all(commandTable.map(({ load }) => load()));
  const rows = commands.map(({ usage, options }) => `| \`${usage.replaceAll("|", "\\|")}\` | ${optionList(options)} |`);
  return ["| Command | Options |", "|---|---|", ...rows].join("\n");
}

function optionList(options: Readonly<Record<string, OptionSpec>>): string {
  return Object.entries(options)
    .map(
      ([name, { type, value, short }]) =>
        `\`${short === undefined ? "" : `-${short}, `}--${name}${type !== "boolean" ? ` ${value ?? "VALUE"}` : ""}\``,
    )
    .join(", ");
}

function findings(): string {
  const found = filesIn("src/doctor").flatMap((file) => [...textOf(file).matchAll(/\bfinder\("(D\d+)", "([^"]+)"\)/g)]);
  return [...new Set(found.map(([, number, subject]) => `\`${number}\` ${subject}`))].sort().join(", ");
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandTable } from "../../src/cli/command-table.ts";
import { commonOptions } from "../../src/cli/help.ts";
import type { OptionSpec } from "../../src/cli/command.ts";
import { membersOf, type Declaration } from "./declarations.ts";

/**
 * The section "Names": the options of every command, the members of every JSON answer and the numbers of the doctor's findings.
 * Codes and variables have sections of their own.
 *
 * @param answers - the declarations of what the commands print
 * @param source - the folder `src`
 */
export async function namesSection(answers: readonly Declaration[], source: string): Promise<string> {
  const options = await Promise.all(
    commandTable.map(async ({ load }) => {
      const command = await load();
      return [code(command.usage), Object.entries(command.options).map(([name, option]) => optionName(name, option)).join(", ")];
    }),
  );
  const common = Object.entries(commonOptions).map(([name, option]) => optionName(name, option));
  const types = new Map(answers.map((answer) => [answer.name, answer]));
  const json = answers
    .filter(({ doc }) => doc.summary.includes("`spec-kitty "))
    .map(({ doc, members }) => [commandsIn(doc.summary), members.map(({ signature }) => member(signature, types)).join(", ")]);
  return [
    `Every command has ${common.join(" and ")} as well, and \`spec-kitty --version\` shows the version.`,
    table(["Command", "Options"], options),
    "With `--json`, the members of the answer. One with `?` is absent when it is not known; in `[]` there may be any number.",
    table(["Command", "Members"], json),
    "`api` prints the body of the answer, and `tracker … --json` what the tracker answers, both as they come. `sync watch --json` prints one event a line, as the service sends it.",
    `The numbers of \`auth doctor\` stay the same in every version: ${findings(source)}.`,
  ].join("\n\n");
}

function optionName(name: string, { type, value, short }: OptionSpec): string {
  return code(`${short === undefined ? "" : `-${short}, `}--${name}${type === "string" ? ` ${value ?? "VALUE"}` : ""}`);
}

/** The commands that a doc comment names, without the program's own name. */
function commandsIn(summary: string): string {
  return [...summary.matchAll(/`(?:spec-kitty )?((?:auth|sync|tracker) [^`]*)`/g)].map(([, name = ""]) => code(name.replace(/ --json$/, ""))).join(", ");
}

/** A member and, in brackets, what is in it. */
function member(signature: string, types: ReadonlyMap<string, Declaration>): string {
  const [, name = "", type = ""] = /^(\w+\??): (.*)$/.exec(signature) ?? [];
  const isList = type.startsWith("readonly ");
  const plain = type.replace(/^readonly /, "").replace(/\[\]$/, "");
  const [, picked, keys] = /^Pick<(\w+), (.*)>$/.exec(plain) ?? [];
  const inner = plain.startsWith("{") ? membersOf(`${plain.slice(1, -1).trim()};`) : (types.get(picked ?? plain)?.members ?? []);
  const wanted = keys === undefined ? inner : inner.filter((one) => keys.includes(`"${/^\w+/.exec(one.signature)?.[0]}"`));
  const shown = code(isList ? `${name}[]` : name);
  return wanted.length === 0 ? shown : `${shown} (${wanted.map((one) => member(one.signature, types)).join(", ")})`;
}

function findings(source: string): string {
  const folder = join(source, "auth", "doctor");
  const found = readdirSync(folder).flatMap((file) => [...readFileSync(join(folder, file), "utf8").matchAll(/\bfinder\("(D\d+)", "([^"]+)"\)/g)].map(([, number, subject]) => `\`${number}\` ${subject}`));
  return [...new Set(found)].sort().join(", ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}

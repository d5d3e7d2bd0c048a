import { commonOptions, type OptionSpec } from "../../src/cli/command.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { filesIn, textOf } from "../helpers/import-graph.ts";

/** What each command takes; what all commands of a group take is said once. */
export async function optionsOfCommands(): Promise<string[]> {
  const all = await Promise.all(
    commandTable.map(async ({ words: [group = ""], load }) => ({ group, command: await load() })),
  );
  const groups = [...new Set(all.map(({ group }) => group))].map((group) => {
    const commands = all.filter((one) => one.group === group).map(({ command }) => command);
    const lists = commands.map(({ options }) => namesOf(options).filter((one) => !common.includes(one)));
    const shared =
      commands.length < 2 ? [] : (lists[0] ?? []).filter((one) => lists.every((list) => list.includes(one)));
    const rows = commands.map(({ usage }, index) => {
      const own = (lists[index] ?? []).filter((one) => !shared.includes(one));
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
    ([name, { value, short }]) =>
      `\`${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}\``,
  );
}

/** The numbers of the doctor's findings, each with its subject. */
export function findings(): string {
  const found = filesIn("src/doctor").flatMap((file) => [
    ...textOf(file).matchAll(/\breportOn\(\s*"(D\d+)",\s*"([^"]+)"/g),
  ]);
  if (found.length === 0) throw new Error("the doctor has no findings");
  return [...new Set(found.map(([, number, subject]) => `\`${number}\` ${subject}`))].sort().join(", ");
}

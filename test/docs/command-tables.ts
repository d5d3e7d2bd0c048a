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
    // By the commands without them, at most two.
    const shared = new Map<string, string[]>();
    for (const option of commands.length < 3 ? [] : new Set(lists.flat())) {
      const without = commands.filter((_, index) => !lists[index]?.includes(option));
      const names = without.map(({ usage }) => ` \`${usage.replace(/ \[.*/, "")}\``).join(" and");
      if (without.length < 3) shared.set(names, [...(shared.get(names) ?? []), option]);
    }
    const rows = commands.map(({ usage }, index) => {
      const own = (lists[index] ?? []).filter((one) => ![...shared.values()].flat().includes(one));
      return `- \`${usage}\`${own.length === 0 ? "" : `: ${own.join(", ")}`}`;
    });
    return [
      ...[...shared].map(
        ([names, options]) => `Every \`${group}\` command${names && ` but${names}`}: ${options.join(", ")}.`,
      ),
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

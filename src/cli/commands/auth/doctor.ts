import { examine } from "../../../doctor/examine.ts";
import { counted } from "../../../base/duration.ts";
import { oneLine } from "../../../base/text.ts";
import { describeEnvironment, readFacts } from "../../../platform/browser-or-device.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import type { JsonOutput } from "../../json-output.ts";
import type { Printed } from "../../output.ts";

const marks = { critical: "✗", warning: "!", note: "·", ok: "✓" } as const;
const severities = Object.keys(marks);

type ShownFinding = Printed<JsonOutput["auth doctor"]["findings"][number]>;

/** One fix means one cause, such as a locked keychain. */
function causeOf({ fix, sentence }: ShownFinding): string {
  return fix?.replace(/^Run: /, "") ?? sentence;
}

function countCauses(findings: readonly ShownFinding[]): { critical: number; warnings: number } {
  const causes = (severity: ShownFinding["severity"]): Set<string> =>
    new Set(findings.filter((finding) => finding.severity === severity).map(causeOf));
  const critical = causes("critical");
  return { critical: critical.size, warnings: [...causes("warning")].filter((cause) => !critical.has(cause)).length };
}

export const command: Command = defineCommand({
  usage: "auth doctor",
  description:
    "Check configuration, connection, clock, session, storage, locks, keychain, browser and runtime; print fixes. " +
    "Exit with code 1 if a problem is critical.",
  options: {
    repair: { alias: "unstick", help: "remove locks and temporary files of dead processes" },
    ...profileOption,
    ...jsonOption,
    verbose: { help: "show passed checks, too; log each request" },
  },
  examples: [["auth doctor"], ["auth doctor --repair"]],
  async run({ app, out, signal }, values) {
    const examined = await examine(app, describeEnvironment(readFacts(app.env)), values.repair === true, signal);
    const findings = examined.map(({ fix, ...finding }) => ({ ...finding, fix: fix && out.words(fix) }));
    const { critical, warnings } = countCauses(findings);
    if (values.json) {
      out.json<JsonOutput["auth doctor"]>({ schemaVersion: 1, healthy: critical === 0, critical, warnings, findings });
    } else {
      const width = Math.max(...findings.map(({ subject }) => subject.length));
      const sorted = findings
        .filter(({ severity }) => values.verbose || severity !== "ok")
        .toSorted((one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity));
      const fixes = new Set<string>();
      for (const finding of sorted) {
        const { number, severity, subject, sentence, fix } = finding;
        out.finding(marks[severity], `${number} ${subject.padEnd(width)}`, sentence);
        if (fix !== undefined && !fixes.has(causeOf(finding)))
          out.answer(`${" ".repeat(width + 9)}fix: ${oneLine(causeOf(finding))}`);
        fixes.add(causeOf(finding));
      }
      const [first] = sorted.filter(
        ({ severity, fix }) => fix !== undefined && (severity === "critical" || severity === "warning"),
      );
      const hidden = findings.length - sorted.length;
      const well = hidden === 0 ? "" : ` ${counted(hidden, "check")} passed; to show all: --verbose.`;
      if (sorted.length > 0) out.answer("");
      out.answer(
        critical + warnings === 0
          ? `No problems found.${well}`
          : `Critical: ${critical}. Warnings: ${warnings}.${well}`,
      );
      if (first !== undefined) out.answer(`Try first: ${oneLine(causeOf(first))}`);
    }
    return critical === 0 ? 0 : 1;
  },
});

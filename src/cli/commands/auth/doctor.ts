import { examine } from "../../../doctor/examine.ts";
import { oneLine } from "../../../base/text.ts";
import { describeEnvironment, readFacts } from "../../../platform/browser-or-device.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import type { DoctorReport } from "../../json-output.ts";

const marks = { ok: "✓", note: "·", warning: "!", critical: "✗" } as const;

export const doctor: Command = defineCommand({
  usage: "auth doctor",
  description:
    "Check everything that a login depends on: the configuration, the connection to the service, the clock, the session, its storage, locks, " +
    "the keychain, the browser and Node. Changes nothing without --repair, and sends no token. Exits 1 if it finds something critical.",
  options: {
    repair: { type: "boolean", alias: "unstick", help: "remove locks and temporary files of dead processes" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["auth doctor", "diagnose problems"],
    ["auth doctor --repair", "remove what dead processes have left"],
  ],
  async run({ app, out, signal }, values) {
    const examined = await examine(app, { login: describeEnvironment(readFacts()), repair: values.repair === true, signal });
    const findings = examined.map(({ fix, ...finding }) => ({ ...finding, ...(fix && { fix: out.words(fix) }) }));
    const count = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
    const [critical, warnings] = [count("critical"), count("warning")];
    if (values.json) {
      const report: DoctorReport = { schemaVersion: 1, healthy: critical === 0, critical, warnings, findings };
      out.json(report);
    } else {
      const width = Math.max(...findings.map(({ subject }) => subject.length));
      for (const { number, severity, subject, sentence, fix } of findings) {
        out.answer(`${marks[severity]} ${number} ${subject.padEnd(width)}  ${oneLine(sentence)}`);
        if (fix !== undefined) out.answer(`${" ".repeat(width + 9)}fix: ${oneLine(fix)}`);
      }
      out.answer(critical + warnings === 0 ? "\nNo problems found." : `\nCritical: ${critical}. Warnings: ${warnings}.`);
    }
    return critical === 0 ? 0 : 1;
  },
});

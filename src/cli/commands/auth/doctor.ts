import { examine } from "../../../doctor/examine.ts";
import { describeEnvironment, readFacts } from "../../../platform/environment.ts";
import type { DoctorReport } from "../../json-output.ts";
import { defineCommand, jsonOption, profileOption, type Command } from "../../command.ts";
import { oneLine } from "../../../base/text.ts";

const marks = { ok: "✓", note: "·", warning: "!", critical: "✗" } as const;

export const doctor: Command = defineCommand({
  usage: "auth doctor",
  description:
    "Look at everything that a login depends on: what is configured, the way to the service, the clock, the\nsession, how it is stored, locks, the keychain, the browser and Node. Changes nothing without --unstick,\nand sends no token. Exits 1 when something critical is found.",
  options: {
    unstick: { type: "boolean", help: "remove locks and temporary files of processes that are dead" },
    ...profileOption,
    ...jsonOption,
  },
  examples: [
    ["spec-kitty auth doctor", "what is wrong, and what mends it"],
    ["spec-kitty auth doctor --unstick", "remove what killed processes left"],
  ],
  async run({ app, out, signal }, values) {
    const findings = await examine({
      settings: app.settings,
      env: app.env,
      platform: app.platform,
      clock: app.clock,
      fetch: app.fetch,
      keychain: app.keychain,
      sealedFile: app.sealedFile,
      isKept: app.isKept,
      readProfiles: app.readProfiles,
      login: describeEnvironment(readFacts()),
      unstick: values.unstick === true,
      signal,
    });
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
      out.answer(critical + warnings === 0 ? "\nNothing is wrong." : `\nCritical: ${critical}. Warnings: ${warnings}.`);
    }
    return critical === 0 ? 0 : 1;
  },
});

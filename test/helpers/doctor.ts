import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import type { FakeOptions } from "../fake-saas/options.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";
import { scene, type Scene } from "./scene.ts";
import { sessionOf, storeSession, type SessionOptions } from "./stored-session.ts";

type Finding = JsonOutput["auth doctor"]["findings"][number];

/** A doctor's report, with exit code and text. */
export type Examined = JsonOutput["auth doctor"] & {
  code: number | null;
  stdout: string;
  of(number: string): Finding[];
};

/** Runs `auth doctor --json`, with more arguments, as the real command or in this process. */
export async function examined(
  run: (args: string, more?: CommandEnvironment) => Promise<CommandResult>,
  more: CommandEnvironment = {},
  args = "",
): Promise<Examined> {
  const { code, stdout, stderr } = await run(`auth doctor --json${args}`, more);
  assert.equal(stderr, "");
  const report = JSON.parse(stdout) as JsonOutput["auth doctor"];
  assert.equal(code, report.critical === 0 ? 0 : 1, "the exit code says whether something is critical");
  return { ...report, code, stdout, of: (number) => report.findings.filter((finding) => finding.number === number) };
}

/** With a session that is valid for an hour. */
export async function healthyScene(
  t: TestContext,
  options: Partial<FakeOptions> = {},
  session: SessionOptions = {},
): Promise<Scene> {
  const at = await scene(t, options);
  await storeSession(at.saas, at.env, sessionOf(at.saas, { leftMs: 3_600_000, ...session }));
  return at;
}

export function severities({ findings }: JsonOutput["auth doctor"], ...severities: string[]): string[] {
  return findings.filter(({ severity }) => severities.includes(severity)).map(({ number }) => number);
}

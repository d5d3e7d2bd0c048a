import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runHere } from "./command-here.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";
import { scene, type Scene } from "./scene.ts";
import { signIn } from "./stored-session.ts";

export type TwoAccounts = Scene & {
  /** A working directory. */
  project: string;
  /** Runs the command in this process, with the project or another directory as its working directory. */
  inProject(args: string, more?: CommandEnvironment, cwd?: string): Promise<CommandResult>;
};

/** Two accounts, alice's as default and bob's as work, and a working directory. */
export async function twoAccounts(t: TestContext): Promise<TwoAccounts> {
  const found = await scene(t, { privateTeamspace: true });
  const project = join(found.folder, "projects", "one");
  mkdirSync(project, { recursive: true });
  await signIn(found.saas, found.env);
  await signIn(found.saas, found.env, { user: "bob", profile: "work" });
  const inProject: TwoAccounts["inProject"] = (args, more = {}, cwd = project) =>
    runHere(args.split(" "), { ...found.env, ...more }, { cwd });
  return { ...found, project, inProject };
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runHere } from "./command-here.ts";
import type { CommandEnvironment, CommandResult } from "./command.ts";
import { scene, type Scene } from "./scene.ts";
import { signIn } from "./stored-session.ts";

export type TwoAccounts = Scene & {
  /** A folder to work in. */
  project: string;
  /** Runs the command in this process, as if it worked in the project, or in another folder. */
  inProject(args: string, more?: CommandEnvironment, cwd?: string): Promise<CommandResult>;
};

/** Two accounts, alice's under the name default and bob's under work, and a folder to work in. */
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

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FakeOptions } from "../fake-saas/options.ts";
import type { UserName } from "../fake-saas/users.ts";
import {
  startCommand,
  type CommandEnvironment,
  type CommandOptions,
  type CommandResult,
  type RunningCommand,
} from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { until } from "../helpers/until.ts";
import { accountAt, type Account } from "./account.ts";

/**
 * How an attack ended that did not succeed; one that did throws. `refused`: the defence cannot run here, so the command does not go on.
 * `unavailable`: there is no such defence here, and `auth doctor` names the claim. `skipped`: there is nobody here to attack.
 */
export type Outcome =
  | "held"
  | { readonly refused: string }
  | { readonly unavailable: string }
  | { readonly skipped: string };

/** What happens to somebody who has the command and the runtime of this process. It ends with a proof that the user was not harmed. */
export type Attack = (stage: Stage) => Promise<Outcome>;

/** Where an attack takes place. */
export interface Stage extends Pick<TestContext, "after"> {
  /** A service, a folder of the user's, and the command, in this process. */
  scene(options?: Partial<FakeOptions>, more?: CommandEnvironment): Promise<Scene>;
  /** Starts `auth login` in this process, with a browser that only notes the address it is started with. */
  login(env: CommandEnvironment, args?: readonly string[]): Promise<Login>;
  /** How the command is started as a process of this runtime. */
  readonly process: Pick<CommandOptions, "runtime">;
  /** Starts it so. */
  start(args: readonly string[], env: CommandEnvironment): RunningCommand;
  /** Another user of this machine. Undefined where there is no second account. */
  readonly other: Account | undefined;
  /** The user who became root to run this process, where somebody did. */
  readonly behindRoot: Account | undefined;
}

/** A login that waits for its browser. */
export interface Login {
  /** The address of the service, as the user's terminal shows it. */
  readonly shown: string;
  /** What the browser was started with, as everybody reads it in the process list; or what the command said why none was. */
  readonly opened: { readonly address: string } | { readonly refused: string };
  readonly ended: Promise<CommandResult>;
}

/** What an attack is told by the process that starts it. */
export interface Casting {
  /** Where the processes of these users listen. */
  readonly other?: string | undefined;
  readonly behindRoot?: string | undefined;
  /** How the command is started, where the path of this runtime is not enough. */
  readonly runtime?: readonly [string, ...string[]] | undefined;
  /** Where the system's own browser notes addresses, on a system where BROWSER cannot be a script. */
  readonly opened?: string | undefined;
}

/** Wine takes its time, and does not say how busy the machine is. */
const limitMs = 30_000;

export function stageFor(t: Pick<TestContext, "after">, { other, behindRoot, runtime, opened }: Casting): Stage {
  const processOptions = runtime === undefined ? {} : { runtime };
  return {
    after: (end) => t.after(end),
    other: other === undefined ? undefined : accountAt(other),
    behindRoot: behindRoot === undefined ? undefined : accountAt(behindRoot),
    scene: (options, more) => scene(t, options, more),
    process: processOptions,
    start: (args, env) => startCommand(t, args, env, processOptions),
    async login(env, args = []) {
      const folder = opened ?? join(env["HOME"] ?? assert.fail("a scene has a home"), "opened");
      const browser = opened === undefined ? notingBrowser(folder) : undefined;
      const before = notesIn(folder).length;
      let said = "";
      const hear = (stderr: string): void => void (said = stderr);
      // Windows says by this name that somebody is at the screen.
      const ended = runHere(["auth", "login", ...args], { ...env, BROWSER: browser, SESSIONNAME: "Console" }, {}, hear);
      const result = ended.then(({ stderr }) => stderr);
      const match = async (pattern: RegExp): Promise<string | undefined> =>
        pattern.exec(await Promise.race([said, result]))?.[1];
      const shown = await until("the address is shown", () => match(/\n {2}(http\S+)\n\nApprove/), limitMs);
      const found = await until(
        "the browser is started, or not",
        async () => {
          const refused = await match(/^warning: (cannot open the browser[^\n]*(?:\n[^\n:]*)*)/m);
          return refused === undefined ? notesIn(folder)[before] : { refused };
        },
        limitMs,
      );
      assert.ok(shown !== undefined && found !== undefined);
      const start = typeof found === "object" ? found : { address: readFileSync(join(folder, found), "utf8") };
      return { ended, shown, opened: start };
    },
  };
}

/** That a login has ended as its user's own. */
export function assertLoggedIn({ code, stdout, stderr }: CommandResult, user: UserName): void {
  assert.equal(code, 0, stderr);
  assert.ok(stdout.startsWith(`✓ Logged in as ${user}@example.com`), stdout);
}

/** The notes of a browser, in the order in which it was started. */
function notesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .filter((name) => name.startsWith("note-"))
    .sort();
}

/** A program for BROWSER that writes its argument into a file of the folder, whole or not at all. */
export function notingBrowser(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "browser");
  writeFileSync(
    program,
    `#!/bin/sh\nprintf %s "$1" >'${folder}'/part-$$ && mv '${folder}'/part-$$ '${folder}'/note-$(date +%s%N)\n`,
  );
  chmodSync(program, 0o755);
  return program;
}

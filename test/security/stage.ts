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
 * The end of a failed attack; a successful one throws. `refused`: the defence cannot run, so the command stops.
 * `unavailable`: no such defence, and `auth doctor` names the claim. `skipped`: nobody to attack.
 */
export type Outcome =
  | "held"
  | { readonly refused: string }
  | { readonly unavailable: string }
  | { readonly skipped: string };

/** An attack on the command and runtime of this process. Ends with a proof that the user was not harmed. */
export type Attack = (stage: Stage) => Promise<Outcome>;

export interface Stage extends Pick<TestContext, "after"> {
  /** A service, a user's directory, and the command in this process. */
  scene(options?: Partial<FakeOptions>, more?: CommandEnvironment): Promise<Scene>;
  /** With a browser that only records its URL. */
  login(env: CommandEnvironment, args?: readonly string[]): Promise<Login>;
  /** For a process of this runtime. */
  readonly process: Pick<CommandOptions, "runtime">;
  start(args: readonly string[], env: CommandEnvironment): RunningCommand;
  /** Undefined without a second account. */
  readonly other: Account | undefined;
  /** The user who became root, if any. */
  readonly behindRoot: Account | undefined;
}

/** Waiting for its browser. */
export interface Login {
  /** The service's URL, as on the terminal. */
  readonly shown: string;
  /** The browser's command line, as in the process list; or why there was none. */
  readonly opened: { readonly address: string } | { readonly refused: string };
  readonly ended: Promise<CommandResult>;
}

/** From the starting process. */
export interface Casting {
  /** The listening processes of these users. */
  readonly other?: string | undefined;
  readonly behindRoot?: string | undefined;
  /** If the runtime's path is not enough. */
  readonly runtime?: readonly [string, ...string[]] | undefined;
  /** Where the system's browser records URLs, if BROWSER cannot be a script. */
  readonly opened?: string | undefined;
}

/** Wine is slow, and does not report load. */
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
      // Windows' sign of a user at the screen.
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

/** For the user's own account. */
export function assertLoggedIn({ code, stdout, stderr }: CommandResult, user: UserName): void {
  assert.equal(code, 0, stderr);
  assert.ok(stdout.startsWith(`✓ Logged in as ${user}@example.com`), stdout);
}

/** In the order of starts. */
function notesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .filter((name) => name.startsWith("note-"))
    .sort();
}

/** For BROWSER: writes its argument into a file, whole or not at all. */
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

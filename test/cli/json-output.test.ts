import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import type { JsonObject } from "../../src/http/json-members.ts";
import { startCommand } from "../helpers/command.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { signIn } from "../helpers/stored-session.ts";

/** Every member of a type, required or not, checked by the compiler. */
type Members<T> = { readonly [Name in keyof T]-?: object extends Pick<T, Name> ? "maybe" : "always" };

const status: Members<JsonOutput["auth status"]> = {
  authenticated: "always",
  expired: "maybe",
  checked: "always",
  profile: "always",
  profileSource: "always",
  tokenSource: "maybe",
  lender: "maybe",
  service: "maybe",
  issuer: "maybe",
  tokenType: "maybe",
  hasRefreshToken: "maybe",
  scope: "maybe",
  missingScope: "maybe",
  user: "maybe",
  team: "maybe",
  teams: "maybe",
  accessTokenExpiresAt: "maybe",
  refreshTokenExpiresAt: "maybe",
  storage: "always",
  sessionId: "maybe",
  authFlow: "maybe",
  authenticatedAt: "maybe",
  refreshedAt: "maybe",
  refreshedBy: "maybe",
  ended: "maybe",
};
const syncNow: Members<JsonOutput["sync now"]> = {
  events: "always",
  artifacts: "always",
  left: "always",
  stopped: "maybe",
};
const listed: Members<JsonOutput["auth list"]["profiles"][number]> = {
  profile: "always",
  service: "always",
  user: "maybe",
  active: "always",
  authenticated: "always",
  expired: "maybe",
  ended: "maybe",
};
const loggedOut: Members<JsonOutput["auth logout"]["loggedOut"][number]> = {
  profile: "always",
  server: "always",
  error: "maybe",
  tokens: "maybe",
};
const finding: Members<JsonOutput["auth doctor"]["findings"][number]> = {
  number: "always",
  severity: "always",
  subject: "always",
  sentence: "always",
  fix: "maybe",
};
const scope: Members<JsonOutput["sync status"]["scopes"][number]> = {
  service: "maybe",
  user: "maybe",
  team: "maybe",
  events: "always",
  artifacts: "always",
  givenUp: "always",
};
const credential: Record<string, "always"> = { apiVersion: "always", kind: "always", status: "always" };

/** By command: members, also of lists. */
const answers: Record<
  string,
  { members: Record<string, "always" | "maybe">; lists?: Record<string, Record<string, "always" | "maybe">> }
> = {
  "auth login": { members: status },
  "auth status": { members: status },
  "auth logout": {
    members: { loggedOut: "always" } satisfies Members<JsonOutput["auth logout"]>,
    lists: { loggedOut },
  },
  "auth token": {
    members: {
      accessToken: "always",
      tokenType: "always",
      expiresAt: "maybe",
      source: "maybe",
    } satisfies Members<JsonOutput["auth token"]>,
  },
  "auth refresh": {
    members: { refreshed: "always", accessTokenExpiresAt: "maybe" } satisfies Members<JsonOutput["auth refresh"]>,
  },
  "auth list": {
    members: { profiles: "always" } satisfies Members<JsonOutput["auth list"]>,
    lists: { profiles: listed },
  },
  "auth switch": { members: { active: "always", folder: "maybe" } satisfies Members<JsonOutput["auth switch"]> },
  "auth whoami": {
    members: { user: "always", profile: "maybe", tokenSource: "maybe" } satisfies Members<JsonOutput["auth whoami"]>,
  },
  "auth agent": {
    members: {
      variable: "always",
      value: "always",
      socket: "maybe",
      origin: "maybe",
      profile: "always",
      service: "always",
      until: "maybe",
    } satisfies Members<JsonOutput["auth agent"]>,
  },
  "auth setup-git": { members: { url: "always", helper: "always" } satisfies Members<JsonOutput["auth setup-git"]> },
  "auth team": {
    members: { profile: "always", team: "maybe", teams: "always" } satisfies Members<JsonOutput["auth team"]>,
  },
  "auth doctor": {
    members: {
      schemaVersion: "always",
      healthy: "always",
      critical: "always",
      warnings: "always",
      findings: "always",
    } satisfies Members<JsonOutput["auth doctor"]>,
    lists: { findings: finding },
  },
  "sync emit": { members: { queued: "always", eventId: "always" } satisfies Members<JsonOutput["sync emit"]> },
  "sync upload": { members: { queued: "always" } satisfies Members<JsonOutput["sync upload"]> },
  "sync now": { members: syncNow },
  "sync status": {
    members: { scopes: "always", health: "maybe" } satisfies Members<JsonOutput["sync status"]>,
    lists: { scopes: scope },
  },
};

/** Tracker commands with a `JsonObject`, whose content is the provider's. */
const tracker: Record<string, { rest?: string; result: JsonObject }> = {
  status: { result: { provider: "linear", connected: true } },
  mappings: { result: { mappings: [] } },
  resources: { result: { resources: [{ id: "res_1", name: "Board" }] } },
  pull: { result: { items: [], next_cursor: null } },
  push: { rest: "--items []", result: { pushed: 0 } },
  run: { result: { pulled: 0, pushed: 0 } },
  search: { rest: "door", result: { items: [] } },
  tickets: { result: { items: [] } },
  bind: { result: { candidates: [{ candidate_token: "cand_1", name: "Board" }] } },
};

function assertMembers(value: unknown, members: Record<string, "always" | "maybe">, where: string): void {
  const found = Object.keys(value as object);
  const always = Object.keys(members).filter((name) => members[name] === "always");
  assert.deepEqual(
    always.filter((name) => !found.includes(name)),
    [],
    `${where} lacks members that its type has always`,
  );
  assert.deepEqual(
    found.filter((name) => members[name] === undefined),
    [],
    `${where} has members that its type has not`,
  );
}

/** Runs commands with `--json` and checks the output. Returns the names. */
function checker({ here }: Scene): {
  check(name: string, rest?: string, more?: Record<string, string>): Promise<void>;
  checked: Set<string>;
} {
  const checked = new Set<string>();
  return {
    checked,
    async check(name, rest = "", more = {}) {
      const { code, stdout, stderr } = await here(`${name} --json ${rest}`.trim(), more);
      const shape = answers[name];
      assert.ok(shape, name);
      assert.notEqual(stdout, "", `${name} ${rest} (exit ${code}): ${stderr}`);
      const answer = JSON.parse(stdout) as Record<string, unknown>;
      assertMembers(answer, shape.members, name);
      for (const [list, members] of Object.entries(shape.lists ?? {})) {
        for (const item of answer[list] as unknown[]) assertMembers(item, members, `${name}: ${list}`);
      }
      checked.add(name);
    },
  };
}

const allWithJson = (
  await Promise.all(
    commandTable.map(async ({ words, load }) => ("json" in (await load()).options ? words.join(" ") : undefined)),
  )
).filter((name) => name !== undefined);

test("every command of auth with --json prints what a type of the package describes, and nothing else on stdout", async (t) => {
  const at = await scene(t);
  const { check, checked } = checker(at);
  await check("auth status");
  await check("auth list");
  await check("auth login");
  await signIn(at.saas, at.env, { profile: "work" });
  const token = at.saas.issue().access_token;
  for (const more of [{}, { SPEC_KITTY_ACCESS_TOKEN: token }]) {
    await check("auth status", "", more);
    await check("auth status", "--check", more);
    await check("auth token", "", more);
    await check("auth whoami", "", more);
  }
  await check("auth list");
  await check("auth switch", "work");
  await check("auth team");
  await check("auth refresh");
  await check("auth doctor");
  await check("auth agent", "--for 1s");
  await check("auth setup-git");
  await check("auth logout");
  await check("auth logout", "--all");
  assertMembers(
    JSON.parse((await at.here("auth exec-credential", { SPEC_KITTY_ACCESS_TOKEN: token })).stdout),
    credential,
    "auth exec-credential",
  );
  assert.deepEqual(
    allWithJson.filter((name) => name.startsWith("auth ") && !checked.has(name)),
    [],
    "a command with --json is not checked here",
  );
});

test("every command of sync and tracker with --json prints what a type of the package describes, and nothing else on stdout", async (t) => {
  const at = await scene(t);
  const { saas, folder, env, here } = at;
  const { check, checked } = checker(at);
  writeFileSync(join(folder, "spec.md"), "# Spec\n");
  const artifact = `${join(folder, "spec.md")} --project 6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111 --mission login`;
  const event = `WPCreated --aggregate WP01 --payload {"wp_id":"WP01","title":"One","mission_slug":"login"}`;
  await check("sync emit", event);
  await check("sync status");
  await signIn(saas, env);
  await check("sync emit", event);
  await check("sync upload", artifact);
  await check("sync status", "--check");
  await check("sync now");
  for (const [verb, { rest = "", result }] of Object.entries(tracker)) {
    const { stdout, stderr } = await here(`tracker ${verb} --json --provider linear --project kitty ${rest}`.trim());
    assert.deepEqual([JSON.parse(stdout), stderr], [result, ""], verb);
    checked.add(`tracker ${verb}`);
  }
  const watching = startCommand(t, ["sync", "watch", "--json"], env);
  await saas.until(() => saas.sockets.size > 0);
  const told = { type: "event", event_type: "WPCreated", payload: {} } satisfies JsonOutput["sync watch"];
  saas.pushToSockets(told);
  await watching.shows(/WPCreated/);
  const snapshot = { type: "snapshot", work_packages: [] } satisfies JsonOutput["sync watch"];
  assert.deepEqual(
    watching
      .stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
    [snapshot, told],
  );
  watching.child.kill("SIGINT");
  await watching.ended;
  checked.add("sync watch");
  checked.add("sync run"); // In the test of its own lines.
  await here("auth logout");
  await check("sync now");
  assert.deepEqual(
    allWithJson.filter((name) => !name.startsWith("auth ") && !checked.has(name)),
    [],
    "a command with --json is not checked here",
  );
});

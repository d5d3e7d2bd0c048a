import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { eventEnvelope, eventProblems, nodeId, type EventInput } from "../../src/sync/events.ts";
import { envelopeDefect } from "../fake-saas/envelope.ts";
import { history } from "./support.ts";

const stamp = {
  event_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  node_id: "0123456789ab",
  lamport_clock: 7,
  timestamp: "2023-11-14T22:13:20.000Z",
  team_slug: "tm_acme",
};
const about = (event_type: string, payload: Record<string, unknown>): EventInput => ({
  event_type,
  aggregate_id: "WP01",
  payload,
});

const good: EventInput[] = [
  about("WPStatusChanged", { wp_id: "WP01", from_lane: "planned", to_lane: "canceled", extra: 1 }),
  about("WPCreated", { wp_id: "WP01", title: "T", mission_slug: "m" }),
  about("WPAssigned", { wp_id: "WP01", agent_id: "a", phase: "review" }),
  about("MissionCreated", { mission_slug: "m", mission_number: "007", target_branch: "main", wp_count: 0 }),
  about("MissionClosed", { mission_slug: "m", total_wps: 3 }),
  about("HistoryAdded", { wp_id: "WP01", entry_type: "comment", entry_content: "c" }),
  about("ErrorLogged", { error_type: "auth", error_message: "m" }),
  about("DependencyResolved", { wp_id: "WP01", dependency_wp_id: "WP02", resolution_type: "merged" }),
];

for (const input of good) {
  test(`${input.event_type} with its required payload becomes an envelope that the service accepts`, () => {
    assert.deepEqual(eventProblems(input), []);
    assert.equal(envelopeDefect({ ...eventEnvelope(input, stamp) }), undefined);
    assert.deepEqual(eventEnvelope(input, stamp).payload, input.payload);
  });

  for (const key of Object.keys(input.payload).filter((name) => name !== "extra")) {
    test(`${input.event_type} without ${key} is refused by that name`, () => {
      const { [key]: _, ...payload } = input.payload;
      assert.match(
        eventProblems({ ...input, payload }).join("; "),
        new RegExp(`^payload\\.${key} is missing, expected `),
      );
    });
  }
}

const bad: [title: string, input: object, expected: RegExp][] = [
  [
    "an unknown type is refused with the list of known ones",
    { event_type: "WPMoved" },
    /^event_type is "WPMoved", expected one of WPStatusChanged, .*DependencyResolved$/,
  ],
  ["a type that every object inherits is unknown", { event_type: "constructor" }, /^event_type is "constructor"/],
  [
    "an unknown lane is refused with the list of lanes",
    about("WPStatusChanged", { wp_id: "WP01", from_lane: "doing", to_lane: "done" }),
    /from_lane is "doing", expected one of planned, claimed/,
  ],
  [
    "a work package has two digits",
    about("WPAssigned", { wp_id: "WP1", agent_id: "a", phase: "review" }),
    /payload.wp_id is "WP1"/,
  ],
  [
    "a count is a whole number",
    about("MissionClosed", { mission_slug: "m", total_wps: 1.5 }),
    /payload.total_wps is 1.5/,
  ],
  ["a forbidden key is named", { feature_slug: "f" }, /feature_slug is no longer part of an event/],
  ["an aggregate has an id", { aggregate_id: " " }, /aggregate_id is " "/],
  [
    "an aggregate type is one of four",
    { aggregate_type: "Feature" },
    /expected one of WorkPackage, Mission, MissionDossier, Build/,
  ],
  ["a build is named by a UUID", { build_id: "12" }, /build_id is "12", expected a UUID/],
  ["a cause is the id of an event", { causation_id: "x" }, /causation_id is "x"/],
  ["a payload is an object", { payload: [1] }, /payload is \[1\], expected an object/],
  ["a branch is text", { git_branch: 3 }, /git_branch is 3, expected text or null/],
];
for (const [title, change, expected] of bad) {
  test(title, () => assert.match(eventProblems({ ...history(), ...change }).join("; "), expected));
}

test("all problems are reported at once, each in a short sentence", () => {
  const problems = eventProblems(about("WPCreated", { wp_id: "x".repeat(10_000), title: "" }));
  assert.equal(problems.length, 3);
  assert.ok(problems.every((problem) => problem.length < 200));
});

test("an error outside a work package is about the mission", () => {
  const error = { event_type: "ErrorLogged", payload: { error_type: "auth", error_message: "m" } };
  assert.equal(eventEnvelope({ ...error, aggregate_id: "WP01" }, stamp).aggregate_type, "WorkPackage");
  assert.equal(eventEnvelope({ ...error, aggregate_id: "my-mission" }, stamp).aggregate_type, "Mission");
});

test("a node id is 12 hex digits of the hash of host and user", () => {
  assert.equal(nodeId("host", "user"), createHash("sha256").update("host:user").digest("hex").slice(0, 12));
});

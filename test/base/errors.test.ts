import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { inspect } from "node:util";
import { typescript } from "../helpers/command.ts";
import { AuthError, evidence, isTransient, reasonOf, systemErrorCode } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";

const missing = ((): unknown => {
  try {
    return readFileSync("/nowhere/at/all");
  } catch (error) {
    return error;
  }
})();

test("a failure of the system has its code, and others have none", () => {
  assert.deepEqual(
    [missing, new Error("x"), Object.assign(new Error("x"), { code: 7 }), "ENOENT", { code: "ENOENT" }, undefined].map(
      systemErrorCode,
    ),
    ["ENOENT", undefined, undefined, undefined, undefined, undefined],
  );
});

test("the reason is the code of the failure or of its cause, else the words", () => {
  assert.equal(reasonOf(missing), "ENOENT");
  assert.equal(reasonOf(new TypeError("fetch failed", { cause: missing })), "ENOENT");
  assert.equal(reasonOf(new TypeError("fetch failed", { cause: new Error("bad port") })), "bad port");
  assert.equal(reasonOf(new Error("x", { cause: "y" })), "x");
  assert.equal(reasonOf("thrown as it is"), "thrown as it is");
});

test("S-005 what is shown of an error has the stack, and of its causes name, code and message but nothing that hangs on them", () => {
  const parser = Object.assign(new Error("no HTTP"), {
    name: "HTTPParserError",
    code: "HPE_INVALID_CONSTANT",
    data: "grant=hunter2hunter2",
  });
  const both = new AggregateError(
    [parser, Object.assign(new Error("refused"), { code: "ECONNREFUSED", socket: { sent: "hunter2hunter2" } })],
    "every way failed",
  );
  const error = new AuthError("network_unavailable", "cannot reach it", {
    hint: "Try again",
    cause: new TypeError("fetch failed", { cause: both }),
  });
  for (const text of [evidence(error), inspect(error), inspect({ error }, { depth: 9, showHidden: true })]) {
    assert.match(
      text,
      /AuthError \[network_unavailable\]: cannot reach it\n(?: {2,}hint: Try again\n)? +at .*errors\.test/,
    );
    assert.match(
      text,
      /caused by TypeError: fetch failed\n +caused by AggregateError: every way failed\n +caused by HTTPParserError \[HPE_INVALID_CONSTANT\]: no HTTP\n +caused by Error \[ECONNREFUSED\]: refused/,
    );
    assert.doesNotMatch(text, /hunter2/);
  }
  // As Node prints an uncaught error.
  assert.doesNotMatch(inspect(error, { customInspect: false, depth: 9, showHidden: true }), /hunter2/);
  const circle = new Error("round");
  circle.cause = circle;
  assert.match(evidence(circle), /^Error: round\n +at /);
  assert.equal(evidence("thrown as it is"), "thrown as it is");
});

test("S-005 an uncaught error crashes its program without showing what hangs on its causes, or a secret in them", () => {
  const program = `
    const { AuthError } = await import(${JSON.stringify(new URL("../../src/base/errors.ts", import.meta.url).href)});
    const { Secret } = await import(${JSON.stringify(new URL("../../src/base/secret.ts", import.meta.url).href)});
    const secret = new Secret("rt_hunter2hunter2");
    const parser = Object.assign(new Error("got " + secret.reveal()), { code: "HPE_INVALID_CONSTANT", data: "grant=hunter2hunter2" });
    const circle = new Error("round", { cause: new AggregateError([parser], "all") });
    parser.cause = circle;
    throw new AuthError("network_unavailable", "cannot reach it", { hint: "Try again", cause: circle });`;
  const { status, stderr } = spawnSync(process.execPath, [...typescript, "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /AuthError: cannot reach it[^]*Error: round[^]*got \[secret\][^]*HPE_INVALID_CONSTANT/);
  assert.doesNotMatch(stderr.replace(program, ""), /hunter2hunter2/);
});

test("S-005 a secret in the words of a cause is neither in the cause that is kept nor in what --debug prints", () => {
  const secret = new Secret("rt_quoted-by-a-library");
  const quoting = new TypeError(`cannot send ${secret.reveal()}`);
  const { cause } = new AuthError("network_unavailable", "cannot reach it", { hint: "Try again", cause: quoting });
  assert.equal(cause instanceof Error && cause.message, "cannot send [secret]");
  // A foreign error, unchecked.
  assert.match(evidence(quoting), /^TypeError: cannot send \[secret\]\n/);
  assert.doesNotMatch(evidence(quoting), /rt_/);
});

test("S-004 no response, an unavailable service and a lock that is held may pass; nothing else does", () => {
  const passing = ["network_unavailable", "service_unavailable", "lock_unavailable"] as const;
  const lasting = [
    "session_ended",
    "not_authenticated",
    "service_rejected",
    "storage_unwritable",
    "timed_out",
  ] as const;
  for (const code of passing) assert.ok(isTransient(new AuthError(code, "x", { hint: "Try again" })), code);
  for (const code of lasting) assert.ok(!isTransient(new AuthError(code, "x", { hint: "Try again" })), code);
  assert.ok(!isTransient(Object.assign(new Error("x"), { code: "network_unavailable" })));
});

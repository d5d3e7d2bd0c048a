import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { commandTable } from "../../src/cli/command-table.ts";
import { runCommand, startCommand } from "../helpers/command.ts";
import { runHere } from "../helpers/command-here.ts";
import { scene } from "../helpers/scene.ts";

const tracker = ["--provider", "github", "--project", "my-project"];

/** What each command needs to work, and the sign that one without an end is at work. */
const given: Record<string, { args?: string[]; input?: string; until?: RegExp }> = {
  "auth switch": { args: ["default"] },
  "auth git-credential": { args: ["get"], input: "protocol=https\nhost=elsewhere.example\n" },
  "auth exec-credential": { args: ["--cluster", "https://cluster.example"] },
  "auth docker-credential": { args: ["get"], input: "https://elsewhere.example\n" },
  "auth bazel-credential": { args: ["get"], input: '{"uri":"https://elsewhere.example/x"}' },
  api: { args: ["GET", "/api/v1/me"] },
  "sync emit": {
    args: [
      "WPStatusChanged",
      "--aggregate",
      "WP01",
      "--payload",
      '{"wp_id":"WP01","from_lane":"planned","to_lane":"claimed"}',
    ],
  },
  "sync upload": {
    args: [
      fileURLToPath(new URL("../README.md", import.meta.url)),
      "--project",
      "6b0ed5a2-2a4c-4d83-9c3a-b5f0d4f7a111",
      "--mission",
      "login",
    ],
  },
  "auth agent": { until: /SPEC_KITTY_AGENT/ },
  "sync watch": { until: /Connected/ },
  "sync run": { until: /./ },
  "tracker push": { args: ["--items", "[]"] },
  "tracker search": { args: ["login"] },
  "tracker bind": { args: ["--json"] },
  completion: { args: ["bash"] },
};

test("no warning of the runtime's own reaches the user of any command", async (t) => {
  const at = await scene(t);
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(String(warning));
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  const first = ["auth login"];
  const last = ["auth logout"];
  const all = commandTable.map(({ words }) => words.join(" "));
  const order = [...first, ...all.filter((name) => ![...first, ...last].includes(name)), ...last];
  for (const name of order) {
    const { args = [], input, until } = given[name] ?? {};
    const line = [...name.split(" "), ...(name.startsWith("tracker") ? tracker : []), ...args];
    const env = {
      ...at.env,
      KUBERNETES_EXEC_INFO: JSON.stringify({
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        spec: { interactive: false, cluster: { server: "https://cluster.example" } },
      }),
    };
    let result: Awaited<ReturnType<typeof runCommand>>;
    if (until !== undefined) {
      const running = startCommand(t, line, env);
      await running.shows(until);
      running.child.kill("SIGINT");
      result = await running.ended;
    } else if (input !== undefined || name === "auth login") {
      // Warnings at the start are in every run.
      result = await runCommand(t, line, env, input === undefined ? {} : { input });
    } else {
      result = await runHere(line, env);
      // Listeners are called after the current work.
      await setImmediate();
    }
    assert.deepEqual(warnings, [], name);
    assert.doesNotMatch(result.stderr, /Warning:|--trace-(warnings|deprecation)/, name);
    assert.doesNotMatch(result.stderr, /^hint: Usage: /m, `${name} did not run`);
  }
});

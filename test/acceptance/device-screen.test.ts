import assert from "node:assert/strict";
import { test } from "node:test";
import { approveDevice } from "../fake-saas/user.ts";
import { bin, startCommand } from "../helpers/command.ts";
import { scene } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";
import { noTmux, startOnScreen } from "../helpers/tmux.ts";

const headless = [process.execPath, bin, "auth", "login", "--headless"];
const userCode = /^ {2}([A-Z]{4}-[A-Z]{4})$/m;

test("FR-002 FR-019 a terminal shows the code in chunks, and a countdown on one line", {
  skip: noTmux,
}, async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1, deviceCodeSeconds: 55 });
  const screen = await startOnScreen(t, headless, env);
  const [, code = ""] = await screen.shows(userCode);
  const [, first] = await screen.shows(/^Waiting for approval, (\d+) seconds left\. Press Ctrl-C to cancel\.$/m);
  const before = await screen.lines();
  assert.ok(before.includes(`  ${saas.url}/device`), before.join("\n"));
  assert.ok(before.includes(`  ${saas.url}/device?user_code=${code}`), before.join("\n"));

  await screen.shows(new RegExp(`Waiting for approval, (?!${first} )\\d+ seconds left`));
  const after = await screen.lines();
  assert.equal(after.filter((line) => line.includes("Waiting")).length, 1, "the countdown is redrawn, not repeated");
  assert.deepEqual(
    after.filter((line) => !line.includes("Waiting")),
    before.filter((line) => !line.includes("Waiting")),
  );

  await approveDevice(`${saas.url}/device`, code);
  await screen.shows(/^✓ Logged in as alice@example\.com \(Acme Corp\)\. Access token valid for 1 hour\.$/m);
  const end = (await screen.lines()).join("\n");
  assert.ok(!end.includes("Waiting"), end);
  for (const [secret] of [...saas.issued].filter(([, kind]) => kind === "device_code"))
    assert.ok(!end.includes(secret));
  assert.equal((await storedSession(env))?.user.email, "alice@example.com");
});

test("a narrow screen has a shorter countdown, and Ctrl-C leaves a clean line", {
  skip: noTmux,
}, async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  const screen = await startOnScreen(t, headless, env, { columns: 60 });
  await screen.shows(/^Waiting for approval, 15 minutes left\.$/m);
  assert.match((await screen.lines()).join("\n"), userCode);
  await screen.press("C-c");
  await screen.shows(/^error: interrupted \(SIGINT\)$/m);
  assert.doesNotMatch((await screen.lines()).join("\n"), /Waiting/);
  assert.equal(saas.counters.logins, 0);
});

test("S-008 neither the code nor the URL from the service can move the cursor", { skip: noTmux }, async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  const hostile = {
    user_code: "AB\u001b[2J\u001b]0;owned\u0007\nerror: CD",
    verification_uri: "https://id.example/\u001b[31mdevice\n  EVIL-CODE",
    verification_uri_complete: undefined,
  };
  saas.faults.next("/oauth/device", { edit: (answer) => ({ ...answer, ...hostile }) });
  const screen = await startOnScreen(t, headless, env);
  await screen.shows(/^Waiting for approval/m);
  const lines = await screen.lines();
  assert.equal(lines[0], "Open this URL in a browser, on any device:");
  assert.ok(lines.includes("  AB[2J]0;owned error: CD"), lines.join("\n"));
  assert.ok(lines.includes("  https://id.example/%1B[31mdevice%20%20EVIL-CODE"), lines.join("\n"));
});

test("without a terminal nothing is drawn or counted down", async (t) => {
  const { saas, env } = await scene(t, { deviceIntervalSeconds: 1 });
  const running = startCommand(t, ["auth", "login", "--headless"], env);
  const [, code = ""] = await running.shows(userCode);
  await saas.until(() => saas.counters.devicePolls > 1);
  await approveDevice(`${saas.url}/device`, code);
  const { stdout, stderr } = await running.ended;
  assert.equal(stdout, "✓ Logged in as alice@example.com (Acme Corp). Access token valid for 1 hour.\n");
  assert.equal(
    stderr,
    `Open this URL in a browser, on any device:\n\n  ${saas.url}/device\n\nand enter this code:\n\n  ${code}\n\nThis URL contains the code already:\n\n  ${saas.url}/device?user_code=${code}\n\n`,
  );
});

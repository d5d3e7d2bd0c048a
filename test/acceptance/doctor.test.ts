import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/platform/clock.ts";
import type { JsonOutput } from "../../src/cli/json-output.ts";
import { testCertificate } from "../helpers/certificate.ts";
import { startCommand } from "../helpers/command.ts";
import { examined, healthyScene, severities } from "../helpers/doctor.ts";
import { startProxy } from "../helpers/proxy.ts";
import { scene } from "../helpers/scene.ts";
import { keyInKeychain } from "../helpers/stored-session.ts";

const unix = process.platform === "win32" ? { skip: "about modes and signals" } : {};

test("a healthy login has no critical finding, each number is about one subject, and the JSON has stable members", async (t) => {
  const at = await healthyScene(t);
  const report = await examined(at.run);
  assert.equal(report.code, 0);
  assert.deepEqual(severities(report, "critical", "warning"), []);
  assert.deepEqual(Object.keys(JSON.parse(report.stdout) as JsonOutput["auth doctor"]), [
    "schemaVersion",
    "healthy",
    "critical",
    "warnings",
    "findings",
  ]);
  assert.equal(report.schemaVersion, 1);
  for (const finding of report.findings) {
    assert.deepEqual(
      Object.keys(finding).filter((key) => key !== "fix"),
      ["number", "severity", "subject", "sentence"],
    );
    assert.match(finding.number, /^D\d{3}$/);
    assert.match(finding.severity, /^(ok|note|warning|critical)$/);
  }
  for (const number of [
    "D101",
    "D102",
    "D103",
    "D201",
    "D202",
    "D203",
    "D205",
    "D206",
    "D301",
    "D302",
    "D303",
    "D401",
    "D402",
    "D403",
    "D404",
    "D405",
    "D501",
    "D601",
    "D701",
    "D702",
    "D703",
    "D704",
  ]) {
    assert.ok(report.of(number).length > 0, `${number} is missing`);
  }
  for (const { number, subject } of report.findings)
    assert.deepEqual([...new Set(report.of(number).map((finding) => finding.subject))], [subject]);
  const numbers = report.findings.map(({ number }) => number);
  assert.deepEqual(numbers, [...numbers].sort(), "in the order of their numbers");
  assert.match(report.of("D401")[0]?.sentence ?? "", /config, sealed with the machine key, /);

  const { code, stdout } = await at.run("auth doctor");
  assert.equal(code, 0);
  const well = report.findings.filter(({ severity }) => severity === "ok").length;
  assert.match(
    stdout,
    new RegExp(`(?:^|\\n)No problems found\\. ${well} checks passed; to show all: --verbose\\.\\n$`),
  );
  assert.doesNotMatch(stdout, /✓/);
  const all = await at.run("auth doctor --verbose");
  assert.match(all.stdout, /^✓ D101 profile +"default", the active one\n/m);
  assert.match(all.stdout, /\nNo problems found\.\n$/);
});

test(
  "what matters most comes first, in color; one cause counts once, and the last line is what to try first",
  unix,
  async (t) => {
    const at = await healthyScene(t);
    chmodSync(at.credentials, 0o644);
    const { code, stdout } = await at.run("auth doctor --verbose", { FORCE_COLOR: "1" });
    assert.equal(code, 1);
    const marks = stdout
      .split("\n")
      .flatMap((line) => /^\u001b\[(\d+)m(.)\u001b\[0m (D\d+)/.exec(line)?.slice(1, 3).join("") ?? []);
    assert.deepEqual(
      marks.map((mark) => ["31✗", "33!", "2·", "32✓"].indexOf(mark)),
      marks.map((mark) => ["31✗", "33!", "2·", "32✓"].indexOf(mark)).sort(),
    );
    assert.equal(marks.filter((mark) => mark === "31✗").length, 2, "the sessions cannot be read, and why");
    assert.equal(stdout.match(/fix: .*chmod/g)?.length, 1);
    assert.ok(stdout.endsWith(`\nCritical: 1. Warnings: 0.\nTry first: chmod 600 ${at.credentials}\n`), stdout);
  },
);

test("a session whose key is in a keychain not responding is critical", async (t) => {
  const at = await scene(t);
  await keyInKeychain(at.env);
  const report = await examined(at.run, { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere" });
  assert.deepEqual(severities(report, "critical"), ["D401", "D601"]);
});

test("a service that never responds costs the doctor 3 s, not 10, and Ctrl-C ends it earlier", unix, async (t) => {
  const at = await scene(t);
  at.saas.faults.always("/api/v1/me", { hang: true });
  // Only the step has this limit: with another, the limit of the whole or of a request would end the wait.
  const clock = { ...systemClock, timeout: (ms: number) => systemClock.timeout(ms === 3_000 ? 500 : 60_000) };
  const report = await examined((args, more) => at.here(args, more, { clock }));
  assert.match(report.of("D205")[0]?.sentence ?? "", /does not respond \(no response in time\)$/);

  const seen = at.saas.requests.length;
  const running = startCommand(t, ["auth", "doctor"], at.env);
  await at.saas.until(() => at.saas.requests.length > seen);
  running.child.kill("SIGINT");
  const { code, stdout } = await running.ended;
  assert.equal(code, 130);
  assert.equal(stdout, "");
});

/** With a self-signed certificate. */
async function secureService(t: TestContext, host: string): Promise<{ port: number; cert: string }> {
  const { key, cert } = testCertificate(host);
  const server = createServer({ key, cert }, (_, answer) => void answer.writeHead(401).end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, cert };
}

test("a certificate that is not trusted is reported with its issuer, and trusting that issuer is the fix", async (t) => {
  const at = await scene(t);
  const { port, cert } = await secureService(t, "localhost");
  const SPEC_KITTY_SAAS_URL = `https://localhost:${port}`;
  const report = await examined(at.here, { SPEC_KITTY_SAAS_URL });
  assert.deepEqual(severities(report, "critical"), ["D204"]);
  const found = report.of("D204")[0];
  assert.match(
    found?.sentence ?? "",
    /is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\): it is for localhost, signed by localhost, valid until Dec 31/,
  );
  assert.match(found?.fix ?? "", /export NODE_EXTRA_CA_CERTS=/);

  const authority = join(at.folder, "authority.pem");
  writeFileSync(authority, cert);
  const trusted = await examined(at.run, { SPEC_KITTY_SAAS_URL, NODE_EXTRA_CA_CERTS: authority });
  assert.deepEqual(severities(trusted, "critical"), []);
  assert.equal(trusted.of("D205")[0]?.severity, "ok");

  const misnamed = await examined(at.run, {
    SPEC_KITTY_SAAS_URL: `https://127.0.0.1:${port}`,
    NODE_EXTRA_CA_CERTS: authority,
  });
  assert.match(misnamed.of("D204")[0]?.sentence ?? "", /ERR_TLS_CERT_ALTNAME_INVALID/);
});

test("a proxy is reported with the variable that names it, and it is the proxy that is connected to", async (t) => {
  const at = await scene(t);
  const { port, cert } = await secureService(t, "service.example");
  await using proxy = await startProxy({ routes: { "service.example:443": port } });
  const authority = join(at.folder, "authority.pem");
  writeFileSync(authority, cert);
  const more = {
    SPEC_KITTY_SAAS_URL: "https://service.example",
    HTTPS_PROXY: proxy.url,
    NODE_EXTRA_CA_CERTS: authority,
  };
  const report = await examined(at.run, more);
  assert.deepEqual(
    report.of("D201")[0]?.sentence,
    `requests to service.example go through ${proxy.url}, from HTTPS_PROXY`,
  );
  assert.equal(report.of("D203")[0]?.severity, "ok");
  assert.equal(report.of("D205")[0]?.severity, "ok");

  proxy.behaviour.refuse = 403;
  const refused = await examined(at.here, more);
  assert.deepEqual(severities(refused, "critical"), ["D205"]);
  assert.match(refused.of("D205")[0]?.fix ?? "", /NO_PROXY/);
  const wrong = await examined(at.here, { ...more, HTTPS_PROXY: "ftp://proxy.example" });
  assert.deepEqual(severities(wrong, "critical"), ["D201"]);
});

// The browser user itself, against a small service and callback. Needs the Debian package chromium.
import assert from "node:assert/strict";
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { runNode } from "./session.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function visit(t: TestContext, button: string, outcome: string): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), "spec-kitty-chromium-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const client = await serve(t, (request, response) => {
    if (request.url?.startsWith("/callback?")) return void response.writeHead(303, { location: "/done" }).end();
    response
      .writeHead(200, { "content-type": "text/html", "content-security-policy": "default-src 'none'" })
      .end(outcome);
  });
  const service = await serve(t, (request, response) => {
    if (request.method === "POST")
      return void response.writeHead(303, { location: `${client}/callback?code=c&state=s` }).end();
    response
      .writeHead(200, { "content-type": "text/html" })
      .end("<title>Allow?</title><form method=post><button>Approve</button><button>Deny</button></form>");
  });
  const record = join(folder, "record.json");
  const run = await runNode(
    [
      fileURLToPath(new URL("chromium-user.js", import.meta.url)),
      `${service}/authorize?redirect_uri=${encodeURIComponent(`${client}/callback`)}`,
    ],
    { ...process.env, HOME: folder, CHROMIUM_USER_BUTTON: button, CHROMIUM_USER_RECORD: record },
  );
  const seen = JSON.parse(await readFile(record, "utf8")) as Record<string, unknown>;
  assert.equal(run.code, 0, JSON.stringify(seen) + run.stderr);
  return seen;
}

for (const button of ["Approve", "Deny"]) {
  test(`the browser user presses ${button} and tells where it ended`, async (t) => {
    const seen = await visit(t, button, "<title>Done</title>all is well");
    assert.match(String(seen["url"]), /\/done$/);
    assert.equal(seen["title"], "Done");
    assert.equal(seen["text"], "all is well");
    assert.ok(
      Array.isArray(seen["history"]) && seen["history"].every((url) => !String(url).includes("code=")),
      String(seen["history"]),
    );
    assert.ok(
      Array.isArray(seen["requests"]) &&
        seen["requests"].some((line) => String(line).includes("/callback?code=c&state=s")),
    );
    assert.deepEqual(
      (seen["console"] as string[]).filter((line) => !line.includes("favicon")),
      [],
    );
  });
}

test("the browser user reports what a page's policy forbade", async (t) => {
  const seen = await visit(t, "Approve", "<title>Done</title><style>body{color:red}</style><script>1</script>");
  const said = (seen["console"] as string[]).join("\n");
  assert.match(said, /style-src|default-src/);
  assert.match(said, /script/);
});

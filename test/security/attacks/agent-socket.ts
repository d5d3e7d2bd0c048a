// Programs at an agent's socket that want a token or more, or all its connections; one in the place of an ended agent;
// and one in a tunnel's place, which forwards to the agent.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect, createServer as createTunnel, type AddressInfo } from "node:net";
import type { JsonOutput } from "../../../src/cli/json-output.ts";
import { askAgent } from "../../helpers/agent.ts";
import type { CommandEnvironment } from "../../helpers/command.ts";
import { echo } from "../../helpers/scene.ts";
import { until } from "../../helpers/until.ts";
import { signIn } from "../../helpers/stored-session.ts";
import type { Attack, Stage } from "../stage.ts";

export const attack: Attack = async (stage) => {
  const { saas, env } = await stage.scene();
  await signIn(saas, env);
  const running = stage.start(["auth", "agent", "--json"], env);
  await running.shows(/^Lending/m);
  const { value, socket } = JSON.parse(running.stdout()) as JsonOutput["auth agent"];
  const secret = value.slice(value.lastIndexOf("#") + 1);

  const guesses = [undefined, "", "x", secret.slice(1), secret.toLowerCase(), `${secret}=`, "x".repeat(60_000)];
  for (const guess of guesses) {
    for (const [method, path] of [
      ["GET", "/v1"],
      ["POST", "/v1/token"],
      ["POST", "/v1/proof"],
      ["OPTIONS", "/v1/token"],
    ] as const) {
      // A too long header is refused unread.
      const refused = await askAgent({ socket, secret: guess }, method, path).catch(() => ({ status: 401, body: {} }));
      assert.equal(refused.status, 401, `${guess?.slice(0, 50)} ${method} ${path}`);
      assert.doesNotMatch(JSON.stringify(refused.body), /at_|alice/);
    }
  }
  // In the query, where a web page or a log could have it.
  assert.equal((await askAgent({ socket }, "POST", `/v1/token?secret=${secret}`)).status, 401);

  const known = { socket, secret };
  const all = JSON.stringify([
    await askAgent(known, "GET", "/v1"),
    await askAgent(known, "POST", "/v1/token"),
    await askAgent(known, "POST", "/v1/proof", {
      body: JSON.stringify({ htm: "POST", htu: `${saas.url}/oauth/token` }),
    }),
  ]);
  for (const [issued, kind] of saas.issued) assert.ok(!all.includes(issued) || kind === "access_token", kind);

  await assertNobodyStandsIn(stage);
  await assertNobodyIsBetween(stage);
  await assertNobodyHoldsIt(stage);
  if (stage.other === undefined || socket === undefined) return "held";
  const connected = await stage.other.run(
    (path, require) =>
      new Promise<string>((tell) => {
        const { connect } = require("node:net") as typeof import("node:net");
        const attempt = connect(path, () => tell("connected"));
        attempt.once("error", (error: NodeJS.ErrnoException) => tell(error.code ?? ""));
      }),
    socket,
  );
  // Wine's other account is a Linux user, without Windows pipes.
  assert.equal(connected, process.platform === "win32" ? "ENOENT" : "EACCES");
  return "held";
};

/** After an agent has ended, any user can take its port, or its name in /tmp. */
async function assertNobodyStandsIn(stage: Stage): Promise<void> {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const ending = stage.start(["auth", "agent", "--json", "--port", "0", "--for", "1s"], env);
  await ending.ended;
  const { value, origin } = JSON.parse(ending.stdout()) as JsonOutput["auth agent"];
  const secret = value.slice(value.lastIndexOf("#") + 1);
  const heard: string[] = [];
  const user = { id: "u_mallory", email: "mallory@example.com" };
  const loan = { host: "vm", profile: "default", service: saas.url, user, teams: [], team: null, expires_in: null };
  const token = { access_token: saas.issue({ user: "bob" }).access_token, token_type: "Bearer", expires_in: 3_600 };
  const server = createServer(({ url, headers }, response) => {
    heard.push(JSON.stringify(headers));
    response.end(JSON.stringify(url === "/v1" ? loan : token));
  });
  stage.after(() => void server.close());
  server.listen(Number(new URL(origin ?? "").port), "127.0.0.1");
  await once(server, "listening");
  for (const command of ["auth token", "auth whoami", `api POST ${echo} -d private`]) {
    const { code, stdout, stderr } = await here(command, { SPEC_KITTY_AGENT: value });
    assert.deepEqual([code, stdout], [2, ""], `${command}\n${stderr}`);
    assert.match(stderr, /rejected the secret/);
  }
  assert.ok(heard.length > 0 && !heard.join().includes(secret));
  assert.equal(saas.count(echo), 0);
}

/** Any user can take the port of a broken tunnel, while the agent still runs. */
async function assertNobodyIsBetween(stage: Stage): Promise<void> {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const { origin, secret } = await lending(stage, env);
  const overheard: Buffer[] = [];
  const keep = (piece: Buffer): void => void overheard.push(piece);
  let said = Buffer.alloc(0);
  const tunnel = createTunnel((client) => {
    const agent = connect(Number(new URL(origin).port), "127.0.0.1");
    for (const [from, to] of [[client, agent] as const, [agent, client] as const])
      from.pipe(to).on("error", () => undefined);
    client.on("data", (piece) => (said = Buffer.concat([said, piece])));
    agent.on("data", keep);
  });
  stage.after(() => void tunnel.close());
  tunnel.listen(0, "127.0.0.1");
  await once(tunnel, "listening");
  const value = `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}#${secret}`;
  const { code, stdout } = await here("auth token", { SPEC_KITTY_AGENT: value });
  assert.equal(code, 0);
  const responses = (): number =>
    Buffer.concat(overheard)
      .toString("latin1")
      .match(/HTTP\/1\.1 200 /g)?.length ?? 0;
  const before = responses();
  const again = connect(Number(new URL(origin).port), "127.0.0.1").on("data", keep);
  stage.after(() => void again.destroy());
  again.write(said);
  await until("the agent responds to the same requests once more", () => responses() > before);
  const all = Buffer.concat(overheard).toString("latin1");
  assert.ok(!all.includes(stdout.trim()) && !/at_|alice/.test(all));
}

/** Every user can connect to a port. */
async function assertNobodyHoldsIt(stage: Stage): Promise<void> {
  const { saas, env, here } = await stage.scene();
  await signIn(saas, env);
  const { origin, value } = await lending(stage, env);
  const input = { port: Number(new URL(origin).port), count: 600, kept: 300 };
  const silent =
    stage.other === undefined
      ? await holdConnections(input, createRequire(import.meta.url))
      : await stage.other.run(holdConnections, input);
  // Bun and Deno tell their servers of no connection before its first request, and Wine takes its time.
  const isLimited = !("Bun" in globalThis || "Deno" in globalThis || process.platform === "win32");
  assert.ok(!isLimited || silent <= input.kept, `${silent} silent connections are open`);
  // And with what is no more than the beginning of a request, the response to which ends the connection.
  const endless = connect(input.port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
  endless.write("POST /v1/token HTTP/1.1\r\nHost: agent\r\nContent-Length: 999999999\r\n\r\nx");
  await until("the connection of an endless body is closed", once(endless, "close"));
  const { code, stdout } = await here("auth whoami", { SPEC_KITTY_AGENT: value });
  assert.deepEqual([code, stdout], [0, "alice@example.com\n"]);
}

/** Opens silent connections. @returns how many are still open; waits a while for them to be few enough */
function holdConnections(
  { port, count, kept }: { port: number; count: number; kept: number },
  require: NodeJS.Require,
): Promise<number> {
  const net = require("node:net") as typeof import("node:net");
  return new Promise((resolve) => {
    let open = count;
    const late = setTimeout(() => resolve(open), 10_000);
    for (let index = 0; index < count; index += 1) {
      const socket = net.connect(port, "127.0.0.1").resume();
      socket
        .on("error", () => undefined)
        .once("close", () => {
          open -= 1;
          if (open > kept) return;
          clearTimeout(late);
          resolve(open);
        });
    }
  });
}

async function lending(
  stage: Stage,
  env: CommandEnvironment,
): Promise<{ origin: string; value: string; secret: string }> {
  const running = stage.start(["auth", "agent", "--json", "--port", "0"], env);
  await running.shows(/^Lending/m);
  const { value, origin = "" } = JSON.parse(running.stdout()) as JsonOutput["auth agent"];
  return { origin, value, secret: value.slice(value.lastIndexOf("#") + 1) };
}

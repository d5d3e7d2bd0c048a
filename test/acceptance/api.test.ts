import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bin, runCommand, startCommand } from "../helpers/command.ts";
import { loggedInScene } from "../helpers/queue.ts";
import { echo, hurried, rawService, scene, type Echo } from "../helpers/scene.ts";
import { storedSession } from "../helpers/stored-session.ts";
import { noTmux, startOnScreen } from "../helpers/tmux.ts";

test("FR-017 api sends the token and prints the body of the response, and nothing else", async (t) => {
  const { run, saas, env } = await loggedInScene(t);
  const { code, stdout, stderr } = await run("api GET /api/v1/me");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal((JSON.parse(stdout) as { email: string }).email, "alice@example.com");
  const token = (await storedSession(env))?.accessToken.reveal();
  assert.equal(saas.requests.at(-1)?.headers.authorization, `Bearer ${token}`);
});

test("a body comes from standard input, whichever option says so, with the headers that were given", async (t) => {
  const { env } = await loggedInScene(t);
  const send = async (args: readonly string[], input: string): Promise<Echo> => {
    const { code, stdout, stderr } = await runCommand(t, ["api", ...args], env, { input });
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    return JSON.parse(stdout) as Echo;
  };
  const { method, headers, body } = await send(
    ["post", echo, "-d", "@-", "-H", "X-One: 1", "-H", "x-two:  2 and 3"],
    '{"from":"input","ü":1}',
  );
  assert.deepEqual([method, body], ["POST", '{"from":"input","ü":1}']);
  assert.deepEqual([headers["content-type"], headers["x-one"], headers["x-two"]], ["application/json", "1", "2 and 3"]);
  assert.equal((await send([echo, "--input", "-"], "piped")).body, "piped");
  assert.equal((await send([echo, "-d", "@-"], "piped")).body, "piped");
  assert.equal((await send([echo, "-F", "a=@-"], "piped")).body, '{"a":"piped"}');
});

test("a status of 400 or more is exit code 1, with the body on stdout and the status on stderr", async (t) => {
  const { run, saas } = await loggedInScene(t);
  saas.faults.next(echo, { status: 404, body: { error: "not_here" } });
  const { code, stdout, stderr } = await run(`api GET ${echo}`);
  assert.deepEqual([code, stdout, stderr], [1, '{"error":"not_here"}', "error: HTTP 404 Not Found\n"]);
});

test("a binary body is sent and received byte for byte", async (t) => {
  const { env, saas, folder } = await loggedInScene(t);
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xef, 0xbb, 0xbf, 0x0a]);
  const [sent, received] = [join(folder, "sent.bin"), join(folder, "received.bin")];
  writeFileSync(sent, bytes);
  for (const [data, input] of [
    [`@${sent}`, "ignore"],
    ["@-", openSync(sent, "r")],
  ] as const) {
    saas.faults.next(echo, { body: bytes });
    const child = spawn(
      process.execPath,
      [bin, "api", "PUT", echo, "-d", data, "-H", "Content-Type: application/octet-stream"],
      { env, stdio: [input, openSync(received, "w"), "ignore"] },
    );
    assert.deepEqual(await once(child, "close"), [0, null]);
    assert.deepEqual(saas.requests.at(-1)?.bytes, bytes);
    assert.deepEqual(readFileSync(received), bytes);
  }
});

test("a response that breaks off is exit 3, after what had arrived of it", async (t) => {
  const { run, here, folder } = await scene(t);
  const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
  const env = {
    SPEC_KITTY_SAAS_URL: await rawService(t, (socket) => socket.end(half)),
    SPEC_KITTY_ACCESS_TOKEN: "at_given",
  };
  const { code, stdout, stderr } = await run("api /x", env);
  assert.deepEqual([code, stdout], [3, "half"]);
  assert.match(stderr, /^error: cannot reach ".*\/x" \(\w+\)\nhint: .*try again\n$/);
  writeFileSync(join(folder, "kept"), "as it was");
  assert.equal((await here(`api /x -o ${join(folder, "kept")}`, env)).code, 3);
  assert.equal(readFileSync(join(folder, "kept"), "utf8"), "as it was");
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes("kept")),
    ["kept"],
  );
});

/** Node's arguments to record the peak of memory, in kilobytes. */
function measured(file: string): string[] {
  return [
    "--import",
    `data:text/javascript,${encodeURIComponent(`import { writeFileSync } from "node:fs"; process.on("exit", () => writeFileSync(${JSON.stringify(file)}, String(process.resourceUsage().maxRSS)));`)}`,
  ];
}

test("S-014 a body of any length goes through little memory, to a pipe and to a file", async (t) => {
  const { saas, env, folder } = await loggedInScene(t);
  const [bytes, memory] = [250_000_000, join(folder, "memory")];
  for (const args of [
    ["api", echo],
    ["api", echo, "-o", devNull],
  ]) {
    saas.faults.next(echo, { bytes });
    const running = spawn(process.execPath, [...measured(memory), bin, ...args], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let size = 0;
    running.stdout.on("data", (piece: Buffer) => (size += piece.length));
    assert.deepEqual(await once(running, "close"), [0, null]);
    if (args.length === 2) assert.ok(size >= bytes, String(size));
    assert.ok(Number(readFileSync(memory, "utf8")) < 250_000, `${readFileSync(memory, "utf8")} kB for ${bytes} bytes`);
  }
});

test("a body that keeps coming is not cut off, however long it takes", async (t) => {
  const { env } = await scene(t);
  const service = await rawService(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    let sent = 0;
    const timer = setInterval(() => (sent++ < 20 ? socket.write("x") : (clearInterval(timer), socket.end())), 100);
  });
  const running = startCommand(
    t,
    ["api", "/x"],
    { ...env, SPEC_KITTY_SAAS_URL: service, SPEC_KITTY_ACCESS_TOKEN: "at_given" },
    { nodeArgs: hurried(60_000, 500) },
  );
  assert.deepEqual(await running.ended, { code: 0, signal: null, stdout: "x".repeat(20), stderr: "" });
});

test("on a terminal JSON is indented and colored, with every digit; in a pipe it is as it came", {
  skip: noTmux,
}, async (t) => {
  const { saas, env, here } = await loggedInScene(t);
  const json = '{"id":12345678901234567890,"a":[],"o":{},"l":[1,{"x":"\\u001b[31m\u009b31m"}],"t":true}';
  saas.faults.always(echo, { body: json, headers: { "Content-Type": "application/json" } });
  assert.equal((await here(`api ${echo}`)).stdout, json);
  const screen = await startOnScreen(t, [process.execPath, bin, "api", echo], env);
  await screen.shows(/"t": true\n\}$/m);
  const shown = (await screen.lines()).join("\n");
  assert.match(
    shown,
    /^\{\n {2}"id": 12345678901234567890,\n {2}"a": \[\],\n {2}"o": \{\},\n {2}"l": \[\n {4}1,\n {4}\{\n {6}"x": "\\u001b\[31m\\u009b31m"\n {4}\}\n {2}\],\n {2}"t": true\n\}/,
  );
  assert.match((await screen.colored()).join("\n"), /\u001b\[34m"id"/);
});

test("-o on a terminal shows how far it is", { skip: noTmux }, async (t) => {
  const { env, folder } = await scene(t);
  let finish = (): void => undefined;
  const service = await rawService(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
    const timer = setInterval(() => socket.write(Buffer.alloc(10_000)), 50);
    finish = () => (clearInterval(timer), socket.destroy());
  });
  t.after(() => finish());
  const program = [process.execPath, bin, "api", "/x", "-o", join(folder, "file")];
  const screen = await startOnScreen(t, program, {
    ...env,
    SPEC_KITTY_SAAS_URL: service,
    SPEC_KITTY_ACCESS_TOKEN: "at_given",
  });
  await screen.shows(/^\d+\.\d kB of 2\.0 MB, \d+\.\d kB\/s$/m);
});

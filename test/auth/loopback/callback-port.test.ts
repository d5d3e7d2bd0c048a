import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { takeCallbackPort } from "../../../src/auth/loopback/callback-port.ts";
import { refusedWith } from "../../helpers/hint.ts";
import { listen, portOf } from "./listener.ts";

const range = Array.from({ length: 11 }, (_, index) => 28888 + index);

/** A machine with given ports taken: the real ports belong to other programs. */
function machine(busy: { v4?: number[]; v6?: number[]; none?: string[] }): {
  createServer: () => Server;
  held: Set<string>;
} {
  const held = new Set<string>();
  let ephemeral = 50_000;
  const create = (): Server => {
    let fail: (error: Error) => void = () => undefined;
    let address: { port: number; host: string } | undefined;
    const server = {
      once: (_: string, listener: (error: Error) => void) => (fail = listener),
      off: () => undefined,
      address: () => address,
      close: () => held.delete(`${address?.host} ${address?.port}`),
      listen: ({ host, port }: { host: string; port: number }, listening: () => void) => {
        const refuse = (code: string): void => fail(Object.assign(new Error(`listen ${code}`), { code }));
        if (busy.none?.includes(host)) return refuse("EADDRNOTAVAIL");
        const taken = (host === "::1" ? busy.v6 : busy.v4) ?? [];
        if (taken.includes(port)) return refuse("EADDRINUSE");
        address = { host, port: port === 0 ? ephemeral++ : port };
        held.add(`${host} ${address.port}`);
        listening();
      },
    };
    return server as unknown as Server;
  };
  return { createServer: create, held };
}

test("NFR-007 the first free port of 28888-28898 is taken", async () => {
  for (const free of range) {
    const { createServer, held } = machine({ v4: range.filter((port) => port < free) });
    assert.equal((await takeCallbackPort(createServer, "127.0.0.1")).port, free);
    assert.deepEqual([...held], [`127.0.0.1 ${free}`]);
  }
});

test("NFR-007 any free port is taken when all of 28888-28898 are in use", async () => {
  const { createServer } = machine({ v4: range });
  assert.equal((await takeCallbackPort(createServer, "127.0.0.1")).port, 50_000);
});

test("FR-003 a login needs no configuration while every port of the range is in use", async () => {
  // Other programs' ports count as taken; when one is released in between, the test tries again.
  for (let attempt = 1; ; attempt++) {
    const blockers = await Promise.all(range.map(block));
    const listener = await listen();
    await listener.close();
    for (const blocker of blockers) blocker.close();
    if (!range.includes(portOf(listener))) return;
    assert.ok(attempt < 50, "an ephemeral port is taken");
  }
});

test("two logins at the same time listen on different ports", async () => {
  const listeners = await Promise.all([listen(), listen()]);
  const [first, second] = listeners.map(portOf);
  assert.notEqual(first, second);
  await Promise.all(listeners.map((listener) => listener.close()));
});

test("with localhost the same port is taken on [::1] too, and a port that is free on one IP address only is skipped", async () => {
  const { createServer, held } = machine({ v6: [28888] });
  assert.equal((await takeCallbackPort(createServer, "localhost")).port, 28889);
  assert.deepEqual([...held], ["127.0.0.1 28889", "::1 28889"]);
});

test("with localhost an ephemeral port that is taken on [::1] is tried again", async () => {
  const { createServer, held } = machine({ v4: range, v6: [50_000] });
  assert.equal((await takeCallbackPort(createServer, "localhost")).port, 50_001);
  assert.equal(held.size, 2);
});

test("with localhost a machine without IPv6 listens on 127.0.0.1 alone, and one without IPv4 on [::1]", async () => {
  for (const [none, there] of [
    ["::1", "127.0.0.1"],
    ["127.0.0.1", "::1"],
  ] as const) {
    const { createServer, held } = machine({ none: [none] });
    assert.equal((await takeCallbackPort(createServer, "localhost")).port, 28888);
    assert.deepEqual([...held], [`${there} 28888`]);
  }
  const { createServer } = machine({ none: ["127.0.0.1", "::1"] });
  await assert.rejects(
    takeCallbackPort(createServer, "localhost"),
    refusedWith("configuration_invalid", /cannot open a port/, /--headless/),
  );
});

test("a requested port that is in use is a usage error that names it, and no other port is taken", async () => {
  const blocker = await block(0);
  const address = blocker.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await assert.rejects(
    listen({ port }),
    refusedWith("usage_invalid", new RegExp(`^another program uses port ${port}$`), /--port/),
  );
  blocker.close();
});

test("no free port at all is an error that suggests a login without one", async () => {
  const { createServer } = machine({ v4: [...range, 0] });
  await assert.rejects(
    takeCallbackPort(createServer, "127.0.0.1"),
    refusedWith("configuration_invalid", /cannot open a port/, /--headless/),
  );
});

/** Takes a port, unless another program has it. */
function block(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(server));
    server.listen({ host: "127.0.0.1", port }, () => resolve(server));
  });
}

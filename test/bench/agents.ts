import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { lend } from "../helpers/agent.ts";
import { bin, commandEnvironment, runCommand, scratchFolder, type CommandEnvironment } from "../helpers/command.ts";
import { storedSession } from "../helpers/stored-session.ts";

const run = promisify(execFile);
const peer = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url));
const secret = "in-every-copy";
/** Shorter than any test of a token that has expired, and longer than the wave. */
const lifetimeSeconds = 45;

/** What asks an agent for a token. */
interface Client {
  readonly name: string;
  readonly ask: readonly [file: string, ...args: string[]];
  readonly env: CommandEnvironment;
  /** Of the agent's processes, in megabytes. */
  memory(): Promise<number>;
}

/** Of a process and those that it has started, in megabytes. */
async function residentMegabytes(pid: number): Promise<number> {
  const children = (await run("pgrep", ["-P", String(pid)]).catch(() => ({ stdout: "" }))).stdout.trim().split("\n");
  const pids = [String(pid), ...children.filter(Boolean)];
  const kilobytes = pids.map((one) =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, "utf8"))?.[1]),
  );
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function asked({ ask: [file, ...args], env }: Client): Promise<string> {
  const { stdout } = await run(file, args, { env: env as NodeJS.ProcessEnv });
  // curl prints the whole response, in which the time that is left differs.
  return /"access_token":"([^"]+)"/.exec(stdout)?.[1] ?? stdout.trim();
}

/**
 * This agent and oidc-agent, each with a login of the same certified provider: one token, 64 at once with a token that has expired, and what the
 * agents need. Needs the Debian packages oidc-agent-cli, procps and curl.
 */
export async function agents(): Promise<void> {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.unshift(end) };
  try {
    const provider = spawn(
      process.execPath,
      [peer("oidc-provider.js"), "--lifetime", String(lifetimeSeconds), "--secret", secret],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    t.after(() => provider.kill());
    const lines = createInterface({ input: provider.stdout });
    const [issuer] = (await once(lines, "line")) as [string];
    let refreshes = 0;
    lines.on("line", (line) => (refreshes += Number(line === "POST /token 200")));

    const login = async (): Promise<{ env: CommandEnvironment; folder: string }> => {
      const folder = scratchFolder(t);
      const env = commandEnvironment(folder, undefined, {
        BROWSER: peer("form-user.js"),
        SPEC_KITTY_CLIENT_SECRET: secret,
      });
      const { code, stderr } = await runCommand(
        t as never,
        ["auth", "login", issuer, "--client-id", "cli_native", "--no-dpop"],
        env,
      );
      assert.equal(code, 0, stderr);
      return { env, folder };
    };
    const clients = [...(await ourClients(t, await login())), await oidcAgent(t, issuer, await login())];

    const rows: string[][] = [
      ["", "one token", "64 at once, expired: time", "refreshes, tokens given", "the agent's memory"],
    ];
    for (const client of clients) {
      // The first one loads files.
      await asked(client);
      const one: number[] = [];
      for (let round = 0; round < 21; round += 1) one.push(await timed(() => asked(client)));
      // Expired, for the agent as for the provider.
      await new Promise((later) => setTimeout(later, (lifetimeSeconds + 1) * 1000));
      const before = refreshes;
      const tokens = new Set<string>();
      const wave = await timed(() =>
        Promise.all(Array.from({ length: 64 }, async () => tokens.add(await asked(client)))),
      );
      rows.push([
        client.name,
        `${median(one).toFixed(0)} ms`,
        `${wave.toFixed(0)} ms`,
        `${refreshes - before}, ${tokens.size}`,
        `${(await client.memory()).toFixed(0)} MB`,
      ]);
    }
    for (const row of rows)
      console.log(`| ${row.join(" | ")} |${row === rows[0] ? `\n|${row.map(() => "---|").join("")}` : ""}`);
  } finally {
    for (const end of ends) await end();
  }
}

async function ourClients(
  t: Parameters<typeof scratchFolder>[0],
  { env }: { env: CommandEnvironment },
): Promise<Client[]> {
  const { value, running, socket = "" } = await lend(t as never, { env });
  const folder = scratchFolder(t);
  const borrowed = commandEnvironment(folder, undefined, { SPEC_KITTY_AGENT: value });
  const headers = join(folder, "headers");
  writeFileSync(headers, `Authorization: Bearer ${value.split("#")[1]}\n`, { mode: 0o600 });
  const memory = (): Promise<number> => residentMegabytes(running.child.pid ?? 0);
  return [
    { name: "`auth token` through this agent", ask: [process.execPath, bin, "auth", "token"], env: borrowed, memory },
    {
      name: "curl through this agent",
      ask: [
        "curl",
        "--silent",
        "--fail",
        "-H",
        `@${headers}`,
        "--unix-socket",
        socket,
        "-d",
        "{}",
        "http://agent/v1/token",
      ],
      env: borrowed,
      memory,
    },
  ];
}

async function oidcAgent(
  t: Parameters<typeof scratchFolder>[0],
  issuer: string,
  login: { env: CommandEnvironment; folder: string },
): Promise<Client> {
  const session = await storedSession(login.env);
  const folder = scratchFolder(t);
  mkdirSync(join(folder, "oidc"), { mode: 0o700 });
  const env = { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder, OIDC_CONFIG_DIR: join(folder, "oidc") };
  const started = (await run("oidc-agent", [], { env })).stdout;
  const pid = Number(/OIDCD_PID=(\d+)/.exec(started)?.[1]);
  t.after(() => void process.kill(pid));
  const known = { ...env, OIDC_SOCK: /OIDC_SOCK=([^;]+)/.exec(started)?.[1] };
  const account = [
    "--manual",
    "--client-id=cli_native",
    `--client-secret=${secret}`,
    "--redirect-uri=http://localhost:8912",
  ];
  const quiet = [
    "--scope=openid offline_access",
    "--prompt=none",
    "--confirm-yes",
    "--no-url-call",
    "--pw-cmd=echo password",
  ];
  const refreshToken = `--rt=${session?.refreshToken?.reveal()}`;
  await run("oidc-gen", [...account, ...quiet, `--issuer=${issuer}`, refreshToken, "bench"], {
    env: known as NodeJS.ProcessEnv,
  });
  return {
    name: "oidc-token, of oidc-agent",
    ask: ["oidc-token", "bench"],
    env: known,
    memory: () => residentMegabytes(pid),
  };
}

// `npm run bench [-- --json | --markdown | start | logins | kills | agents | explore]`: what an access token costs, ours and other libraries', all measured in this one run. The
// limits that only a clock can judge are judged here: the exit code is 1 when one is missed. KILL_ROUNDS: default 1000.
import { parseArgs } from "node:util";
import { coldStart, coldStartRows, coldStartTitle } from "./cold-start.ts";
import { judgeLimits } from "./limits.ts";
import { syncCosts, syncTables } from "./sync.ts";
import { validToken } from "./valid-token.ts";
import { wave, type WaveResult } from "./wave.ts";

if (process.argv[2] === "kills") {
  const { kills } = await import("./kills.ts");
  await kills(process.argv.slice(3));
  process.exit();
}

if (process.argv[2] === "start") {
  const start = await coldStart(40);
  const rows = coldStartRows(start).map(([what = "", ...figures]) => [what.padEnd(28), ...figures].join("  "));
  console.log(`Node ${process.version}\n\n${coldStartTitle(start)}:\n\n${rows.join("\n")}`);
  process.exit();
}

if (process.argv[2] === "logins") {
  const { loginCosts } = await import("./login.ts");
  console.log(
    `Node ${process.version}\n\nA login in a test with spec-kitty/testing, medians of 60, processor time and by the clock:\n`,
  );
  for (const { way, cpuMs, ms } of await loginCosts())
    console.log(`${way.padEnd(22)} ${cpuMs.toFixed(1).padStart(5)} ms ${ms.toFixed(1).padStart(6)} ms`);
  process.exit();
}

if (process.argv[2] === "agents") {
  const { agents } = await import("./agents.ts");
  await agents();
  process.exit();
}

if (process.argv[2] === "fleet") {
  const { fleet } = await import("./fleet.ts");
  await fleet();
  process.exit();
}

if (process.argv[2] === "explore") {
  const { explore } = await import("./explore.ts");
  await explore(process.argv.slice(3));
  process.exit();
}

const { values } = parseArgs({ options: { json: { type: "boolean" }, markdown: { type: "boolean" } } });
const clientsFile: string = new URL("../peers/bench-clients.js", import.meta.url).href;

// The MCP SDK has no call for a token that is still good: it takes what is stored, and asks for another after a refusal.
const { mcpSdk: _, ...clients } = (await import(clientsFile)) as Parameters<typeof validToken>[0];
const calls = await validToken(clients);
const waves: WaveResult[] = [];
for (const client of ["googleAuthLibrary", "openidClient", "ours"] as const) waves.push(await wave(client, 16));
waves.push(await wave("ours", 64));
for (const client of ["mcpSdk", "oursForMcp"] as const) waves.push(await wave(client, 16));
const start = await coldStart(40);
const sync = await syncCosts();
const limits = await judgeLimits(start, calls, Number(process.env["KILL_ROUNDS"] ?? 1000));
process.exitCode = limits.every(({ isKept }) => isKept) ? 0 : 1;

if (values.json) {
  console.log(JSON.stringify({ node: process.version, calls, waves, coldStart: start, sync, limits }, null, 2));
} else {
  const table = (rows: (string | number | boolean)[][]): string => {
    if (values.markdown)
      return rows
        .map((row, index) => `| ${row.join(" | ")} |${index === 0 ? `\n|${row.map(() => "---|").join("")}` : ""}`)
        .join("\n");
    const texts = rows.map((row) => row.map(String));
    const widths = (texts[0] ?? []).map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
    return texts
      .map((row) =>
        row
          .map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)))
          .join("  "),
      )
      .join("\n");
  };
  /** What says something of another machine: the README has ratios only. */
  const portable = ([name = "", time = "", ratio = ""]: string[]): string[] =>
    values.markdown ? [name, ratio] : [name, time, ratio];
  const names: Record<string, string> = {
    googleAuthLibrary: "google-auth-library",
    openidClient: "openid-client (keeps no token: a look at the clock)",
    msalNode: "@azure/msal-node",
    ours: "spec-kitty",
    mcpSdk: "MCP SDK, its tokens in a file",
    oursForMcp: "MCP SDK with spec-kitty",
  };
  const nameOf = (client: string): string => names[client] ?? client;
  console.log(`Node ${process.version}\n\nA valid token, one call:\n`);
  console.log(
    table(
      [
        ["", "ns", "x bare"],
        ...calls.map(({ client, nanoseconds, ratio }) => [nameOf(client), nanoseconds.toFixed(0), ratio.toFixed(2)]),
      ].map(portable),
    ),
  );
  console.log("\nProcesses that hold the same expired session and want a token at the same moment:\n");
  const rows = waves.map((row) => [
    nameOf(row.client).replace(/ \(.*/, ""),
    row.processes,
    row.requests,
    row.refreshes,
    row.reuses,
    `${row.served} of ${row.processes}`,
    row.survived ? "yes" : "no",
  ]);
  console.log(table([["", "processes", "requests", "refreshes", "reuses", "served", "session survived"], ...rows]));
  console.log(`\n${coldStartTitle(start)}:\n\n${table(coldStartRows(start).map(portable))}`);
  for (const { title, rows } of syncTables(sync)) console.log(`\n${title}:\n\n${table(rows)}`);
  const verdicts = limits.map(({ what, unit, measured, limit, isKept }) => [
    what,
    `${measured.toFixed(unit === "ms" ? 0 : 1)} ${unit}`,
    `< ${limit}`,
    isKept ? "kept" : "MISSED",
  ]);
  if (!values.markdown) console.log(`\nLimits:\n\n${table([["", "measured", "limit", ""], ...verdicts])}`);
}

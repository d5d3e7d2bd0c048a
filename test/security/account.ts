import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { nodeForAll } from "../helpers/command.ts";

/** Another user, for attacks. */
export interface Account {
  /** Runs a function there, sent as text: it has only its argument and `require`. */
  run<In, Out>(work: (input: In, require: NodeJS.Require) => Out, input: In): Promise<Awaited<Out>>;
}

/** For a process that is already running. */
export function accountAt(address: string): Account {
  return {
    async run(work, input) {
      // tsx has every nested function named by a helper, which is not there.
      const text = `((__name) => ${work})((named) => named)`;
      const { error, value } = JSON.parse(await post(address, JSON.stringify({ work: text, input })));
      if (error !== undefined) throw new Error(`as another user: ${error}`);
      return value;
    },
  };
}

/** Starts a process of another user, for {@link accountAt}. Root only. @returns where it listens */
export async function startAccount(
  { uid, gid }: { uid: number; gid: number },
  after: (end: () => void) => void,
): Promise<string> {
  const path = `/${randomBytes(16).toString("base64url")}`;
  // As text: the user may not be able to read this directory.
  const program = readFileSync(fileURLToPath(new URL("account-process.cjs", import.meta.url)), "utf8");
  const child = spawn(nodeForAll({ after }), ["--eval", program, path], {
    uid,
    gid,
    cwd: "/",
    env: { PATH: process.env["PATH"] },
    // Ends with this process.
    stdio: ["pipe", "pipe", "inherit"],
  });
  after(() => void child.kill("SIGKILL"));
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${Number(port)}${path}`;
}

function post(address: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(address, { method: "POST", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("end", () => resolve(text)).once("error", reject);
    });
    sent.once("error", reject).end(body);
  });
}

/** Opens a URL as another user, without following redirects. */
export function visit(account: Account, url: string): Promise<{ status: number; location: string | undefined }> {
  return account.run(
    (address, require) =>
      new Promise<{ status: number; location: string | undefined }>((resolve, reject) => {
        const { get } = require("node:http") as typeof import("node:http");
        const sent = get(address, { agent: false }, (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0, location: response.headers.location });
        });
        sent.once("error", reject);
      }),
    url,
  );
}

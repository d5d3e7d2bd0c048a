// Every fault at each moment of each command: no session ends, and exit code and hint are true. The diagnostics have
// the table. Faults of a real disk are in test/peers/fault-matrix.peer.ts.
import { faultyFiles, type FileCall } from "../helpers/faulty-files.ts";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { nextName, parseName } from "../../src/platform/process-lock/entry.ts";
import { typescript } from "../helpers/command.ts";
import { everyCell, type Cell, type Fault } from "../helpers/fault-matrix.ts";
import { until } from "../helpers/until.ts";

const helper = fileURLToPath(new URL("process-lock-helper.ts", import.meta.url));

const harmless: Fault["codes"] = {
  "before sending": "0 0 0 0 0 0",
  "after sending": "0 0 0 0 0 s",
  "while storing": "0 0 0 0 0 s",
};
/** A login is not stored in the end, and says so; nor is a logout, unless the store recovers. */
const unwritable: Fault["codes"] = {
  "before sending": "1 1 1 1 1 1",
  "after sending": "0 0 0 0 0 s",
  "while storing": "0 0 0 1 0/1 s",
};
const [unasked, unrenewed, answered] = ["nothing was asked yet", "nothing was renewed yet", "the answer has come"];

/** Some calls fail with an error code, for a second of the store's tries. */
function refuses(code: string, which: (call: FileCall) => boolean): Fault {
  const ends = new Map<Cell, () => void>();
  return {
    begin: (cell) =>
      void ends.set(
        cell,
        faultyFiles(cell.config, (call) => (which(call) ? code : undefined)),
      ),
    end: (cell) => ends.get(cell)?.(),
    codes: unwritable,
  };
}

/** Locks that another process can hold: during a refresh not the login's own. */
const locksOf = ({ moment, locks }: Cell): string[] =>
  moment === "before sending" ? [locks.login, locks.profiles] : [locks.profiles];

const held: Fault["codes"] = {
  "before sending": "3 3 3 3 3 3",
  "after sending": "0 0 0 3 3 s",
  "while storing": "0 0 0 3 3 s",
};

/** Locks of a real process, with a later change. */
function heldBy(become: (pid: number) => void | Promise<void>, codes: Fault["codes"], isChildOfNobody = false): Fault {
  let end = async (): Promise<void> => undefined;
  return {
    async prepare(cells) {
      const node = [process.execPath, ...typescript, helper, "holdAll", ...cells.flatMap(locksOf)];
      // The shell starts the holder and then becomes `sleep`, a parent that never waits.
      const shell = ["sh", "-c", `"$@" <&3 3<&- & exec sleep 600 3<&-`, "sh"];
      const [program = "", ...args] = [...(isChildOfNobody ? shell : []), ...node];
      const stdin = isChildOfNobody ? "ignore" : "pipe";
      const child = spawn(program, args, { stdio: [stdin, "pipe", "inherit", "pipe"] });
      const ended = once(child, "exit");
      end = async () => {
        child.kill("SIGKILL");
        await until("the holder is gone", ended);
      };
      if (child.stdout === null) return;
      const [line] = (await once(createInterface(child.stdout), "line")) as [string];
      await become(Number(line.split(" ")[1]));
    },
    finish: () => end(),
    lasts: true,
    codes,
  };
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Of a process on another machine. */
function unseen(isAlive: boolean, codes: Fault["codes"]): Fault {
  return {
    begin(cell) {
      for (const path of locksOf(cell)) {
        mkdirSync(path, { mode: 0o700 });
        writeFileSync(join(path, "0123456789abcdef.0.7.0.0.elsewhere"), "");
      }
      let lastSign = cell.time.elapsed;
      cell.time.onSleep = () => {
        if (!isAlive || cell.time.elapsed - lastSign < 3_000) return;
        lastSign = cell.time.elapsed;
        for (const path of locksOf(cell)) {
          const name = parseName(readdirSync(path)[0] ?? "");
          if (name !== undefined) renameSync(join(path, name.name), join(path, nextName(name).name));
        }
      };
    },
    end: (cell) => locksOf(cell).forEach((path) => rmSync(path, { recursive: true, force: true })),
    lasts: true,
    codes,
  };
}

const inPlace = (name: (lock: string) => string): Pick<Fault, "begin" | "end" | "lasts"> => ({
  begin: (cell) => locksOf(cell).forEach((path) => writeFileSync(name(path), "", { mode: 0o600 })),
  end: (cell) => locksOf(cell).forEach((path) => rmSync(name(path), { force: true })),
  lasts: true,
});

const linux = process.platform !== "linux" && "about the lock of Linux";
const locks: Record<string, Fault> = {
  "a lock file that Windows or macOS left": { ...inPlace((lock) => `${lock}file`), codes: harmless },
  "a file in the place of a lock": {
    ...inPlace((lock) => lock),
    codes: { "before sending": "1 1 1 1 1 1", "after sending": "0 0 0 1 1 s", "while storing": "0 0 0 1 1 s" },
    says: { 1: /exists and is not a lock of this program[^]*hint: (Move it|Fix this)/ },
  },
  "a lock of a stopped process": {
    ...heldBy((pid) => void process.kill(pid, "SIGSTOP"), held),
    says: { 3: /is stopped[^]*hint: (Continue it: kill -CONT|Fix this)/ },
  },
  "a lock of a running process on another machine": {
    ...unseen(true, held),
    says: { 3: /is on another machine or in another container/ },
  },
  "a lock of a dead process on another machine": unseen(false, harmless),
  "a lock of a dead process": heldBy(async (pid) => {
    process.kill(pid, "SIGKILL");
    await until("it is gone", () => !isThere(pid));
  }, harmless),
  "a lock of a zombie": heldBy(
    async (pid) => {
      process.kill(pid, "SIGKILL");
      // The first thread becomes one while the others still end, with the holder's socket open.
      const isLastThread = (): boolean => readdirSync(`/proc/${pid}/task`).length === 1;
      await until("it is a zombie", () => / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1")) && isLastThread());
    },
    harmless,
    true,
  ),
};

const disks: Record<string, Fault> = {
  "a disk that is read-only (EROFS)": refuses("EROFS", ({ changes }) => changes),
  "a disk that is full (ENOSPC)": refuses("ENOSPC", ({ name }) => name === "write" || name === "mkdir"),
  "a disk that has no more files (ENOSPC)": refuses("ENOSPC", ({ creates }) => creates),
  "a disk that permits no change (EPERM)": refuses("EPERM", ({ changes }) => changes),
  "a file server that has forgotten the folder (ESTALE)": refuses("ESTALE", () => true),
  "a disk that fails (EIO)": refuses("EIO", () => true),
  "a disk that takes 3 s for each step": {
    begin(cell) {
      faultyFiles(cell.config, ({ name }) => {
        if (name === "fsync" || name === "rename") cell.time.pass(3_000);
        return undefined;
      });
    },
    lasts: true,
    codes: harmless,
  },
  "a disk that never takes the answer": {
    ...refuses("EIO", () => true),
    lasts: true,
    codes: { "before sending": unasked, "after sending": unrenewed, "while storing": "1 1 1 1 1 s" },
    isWindow: true,
    says: { 1: /cannot store the refreshed session|is still stored here|cannot examine/ },
  },
};

const slow = (ms: number): Fault => ({
  begin: ({ time }) => time.pass(ms),
  codes: { ...harmless, "before sending": unasked },
});
/** The response to all requests of the command, without any effect. */
const answers = (answer: NonNullable<Fault["answer"]>, codes: string, says: RegExp): Fault => ({
  answer,
  lasts: true,
  codes: { "before sending": unasked, "after sending": codes, "while storing": answered },
  says: { 1: says, 3: says },
});
const services: Record<string, Fault> = {
  "a service that takes 11 s": slow(11_000),
  "a service that takes 61 s": slow(61_000),
  "a service that is down": {
    begin: ({ saas }) => saas.stop(),
    end: ({ saas }) => saas.start(),
    lasts: true,
    codes: { "before sending": "3 3 3 3 0 0", "after sending": "the connection was there", "while storing": answered },
    says: { 3: /cannot reach [^]*hint: Check the network/ },
  },
  "a connection that is cut": answers(
    { reset: "before" },
    "1 1 1 3 0 s",
    /may have renewed the session\nhint: Try again in a moment|cannot reach /,
  ),
  "a service that answers 503": answers({ status: 503, body: "" }, "3 3 3 3 0 s", /503\nhint: Try again /),
  "a gateway that answers 502": answers({ status: 502, body: "" }, "3 3 3 3 0 s", /502\nhint: Try again in a moment/),
  "a network that answers with HTML": answers(
    { body: "<html>", headers: { "Content-Type": "text/html" } },
    "1 1 1 1 0 s",
    /without a JSON object\nhint: Check the URL/,
  ),
  "a connection that is cut after the service has renewed the session": {
    answer: { reset: "after" },
    codes: { "before sending": unasked, "after sending": unrenewed, "while storing": "4 4 4 3 0 s" },
    isWindow: true,
    says: { 4: /Session expired or revoked.*\nhint: Run: /, 3: /cannot reach /, 0: /^/ },
  },
};

const clocks: Record<string, Fault> = {
  "a clock that is 2 h ahead": {
    begin: (cell) => void (cell.clockOffsetMs = 7_200_000),
    lasts: true,
    codes: harmless,
  },
  "a clock that is 2 h behind": {
    begin: (cell) => void (cell.clockOffsetMs = -7_200_000),
    lasts: true,
    codes: harmless,
  },
};

for (const [what, fault] of Object.entries({ ...locks, ...disks, ...services, ...clocks })) {
  const ends = fault.isWindow ? "ends with the truth" : "logs nobody out, and what is said is true";
  test(
    `NFR-010 NFR-016 S-015 ${what} ${ends}, whenever it comes and whatever is done`,
    {
      skip: what in locks && linux,
    },
    (t) => everyCell(t, fault),
  );
}

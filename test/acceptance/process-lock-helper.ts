/** A process with the lock, controlled by its command line: see process-lock.test.ts. */
import { closeSync, existsSync, linkSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { acquireProcessLock } from "../../src/platform/process-lock/process-lock.ts";
import { clockThatTells } from "../helpers/first-sleep.ts";

const [task, path = "", file = "", count = "1", extra = ""] = process.argv.slice(2);
const options = { clock: systemClock, timeoutMs: 600_000 };
const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** The coordinator's next line. */
const told = (): Promise<void> => new Promise((resolve) => process.stdin.once("data", () => resolve()));

switch (task) {
  // Holds the lock until the next line, then reports whether it held it throughout. The path is relative to the
  // directory `file`.
  case "hold": {
    if (file !== "") process.chdir(file);
    const lock = await acquireProcessLock(path, options);
    say(`held ${process.pid}`);
    await told();
    say(`still ${lock.held()}`);
    lock.release();
    break;
  }
  // Holds many locks until it is killed.
  case "holdAll": {
    for (const one of process.argv.slice(3)) await acquireProcessLock(one, options);
    say(`held ${process.pid}`);
    await told();
    break;
  }
  // Ends while it holds the lock.
  case "exit": {
    await acquireProcessLock(path, options);
    process.exit(0);
  }
  // Adds 1 to a number in a file many times, not atomically: with a disk wait between reading and writing.
  case "count": {
    for (let i = 0; i < Number(count); i += 1) {
      const lock = await acquireProcessLock(path, options);
      const number = await open(file, "r+");
      const before = Number(await number.readFile("utf8"));
      await number.sync();
      await number.write(String(before + 1), 0);
      await number.close();
      if (!lock.held()) say("lost");
      lock.release();
    }
    break;
  }
  // Ready before its order, so that the start is not measured; reports its wait, and when it got the lock.
  case "wait": {
    say("ready");
    await told();
    const since = systemClock.monotonic();
    const lock = await acquireProcessLock(path, { ...options, clock: clockThatTells(() => say("waits")) });
    say(`got ${Date.now()} after ${Math.round(systemClock.monotonic() - since)} ms`);
    lock.release();
    break;
  }
  // Many instances take the lock repeatedly; mostly one dies with it, leaving a dead process's socket.
  case "die": {
    const name = basename(extra).slice(16);
    let [taken, serial, overlaps] = [0, 0, 0];
    const one = async (): Promise<void> => {
      while (taken < Number(count)) {
        const lock = await acquireProcessLock(path, options);
        taken += 1;
        try {
          closeSync(openSync(file, "wx"));
        } catch {
          overlaps += 1;
        }
        if (Math.random() < 0.3) {
          const marker = await open(file, "r+");
          await marker.sync();
          await marker.close();
        }
        if (!lock.held()) overlaps += 1;
        unlinkSync(file);
        if (Math.random() < 0.8) {
          serial += 1;
          const id = (process.pid * 2 ** 20 + serial).toString(16).padStart(16, "0");
          writeFileSync(`${path}/${id}${name}`, "");
          linkSync(`${extra}.socket`, `${path}.${id}.${name.split(".")[4]}`);
        }
        lock.release();
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
    say(`taken ${taken} overlaps ${overlaps} left ${existsSync(file)}`);
    break;
  }
}
process.stdin.destroy();

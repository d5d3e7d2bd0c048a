import { relative } from "node:path";
import { hint } from "../base/errors.ts";
import { inspectFolder } from "../platform/inspect.ts";
import { inspectProcessLock, removeDeadLock } from "../platform/process-lock/process-lock.ts";
import { reportFailure, reportOn, repairCommand, type Finding } from "./finding.ts";

const report = reportOn("D501", "lock");

export async function examineLocks(folder: string, repair: boolean): Promise<Finding[]> {
  const paths = new Set<string>();
  for (const { path } of inspectFolder(folder)) {
    // "x.lock" is the lock, "x.lock.<id>" is of a process about to take it; neither contains locks.
    const [, lock] = /^(.*\.lock)(?:\.[^/\\]+)?$/.exec(path) ?? [];
    if (lock !== undefined && !/\.lock[./\\]/.test(relative(folder, lock))) paths.add(lock);
  }
  const findings: Finding[] = [];
  for (const path of paths) findings.push(...(await examineLock(path, relative(folder, path), repair)));
  return findings.length > 0 ? findings : [report("ok", "none is held")];
}

async function examineLock(path: string, name: string, repair: boolean): Promise<Finding[]> {
  try {
    const holder = await inspectProcessLock(path);
    const isRemoved = repair && (await removeDeadLock(path));
    if (holder === undefined) return [];
    const who = `process ${holder.pid} on "${holder.host}"`;
    const held = `${who} has held "${name}" since ${holder.since}`;
    switch (holder.state) {
      case "dead":
        return isRemoved
          ? [report("note", `removed "${name}": ${who} had held it since ${holder.since}, and is dead`)]
          : [report("warning", `${held}, and is dead: the next command takes over the lock`, repairCommand)];
      case "stopped":
        return [report("warning", `${held}, and is stopped`, hint`${{ run: ["kill", "-CONT", String(holder.pid)] }}`)];
      case "unknown": {
        const fix = "Wait for the process to end; if it is dead, wait 30 s";
        return [report("warning", `${held}, and is on another machine or in another container`, fix)];
      }
      case "running":
        return [report("note", `${held}, and is running`)];
    }
  } catch (error) {
    return [reportFailure(report, error)];
  }
}

import { relative } from "node:path";
import { hint } from "../base/errors.ts";
import { inspectFolder } from "../platform/inspect.ts";
import { inspectProcessLock, lockLeftovers, removeDeadLock } from "../platform/process-lock/process-lock.ts";
import { failed, finder, repairCommand, type Finding } from "./finding.ts";

const report = finder("D501", "lock");

/** Every lock in the folder: which process holds it, since when, and whether that process can still release it. */
export function examineLocks(folder: string, repair: boolean): Finding[] {
  const paths = new Set<string>();
  for (const { path } of inspectFolder(folder)) {
    // "x.lock" is the lock, "x.lock.<process>" belongs to a process that waits or waited for it, and nothing inside either is a lock.
    const [, lock] = /^(.*\.lock)(?:\.[^/\\]+)?$/.exec(path) ?? [];
    if (lock !== undefined && !/\.lock[./\\]/.test(relative(folder, lock))) paths.add(lock);
  }
  const findings = [...paths].flatMap((path) => examineLock(path, relative(folder, path), repair));
  return findings.length > 0 ? findings : [report("ok", "none is held")];
}

function examineLock(path: string, name: string, repair: boolean): Finding[] {
  try {
    const holder = inspectProcessLock(path);
    const left = lockLeftovers(path);
    const isDead = holder?.state === "dead";
    const isRemoved = repair && (isDead || left.length > 0) && removeDeadLock(path);
    const findings: Finding[] = [];
    if (left.length > 0) {
      const by = `${left.length === 1 ? "a process" : `${left.length} processes`} killed while waiting for "${name}"`;
      findings.push(
        isRemoved
          ? report("note", `removed what was left by ${by}`)
          : report("note", `something is left by ${by}`, repairCommand),
      );
    }
    if (holder === undefined) return findings;
    // A holder on macOS or Windows that has not written its number yet.
    const who = holder.pid === 0 ? "a process" : `process ${holder.pid} on "${holder.host}"`;
    const since = holder.since && ` (since ${holder.since})`;
    const held = `"${name}" is held by ${who}${since}`;
    if (isDead && isRemoved)
      findings.push(report("note", `removed: "${name}" was held by ${who}${since}, and that process is dead`));
    else if (isDead)
      findings.push(
        report(
          "warning",
          `${held}, and that process is dead: the next one that needs the lock takes it over`,
          repairCommand,
        ),
      );
    else if (holder.state === "stopped")
      findings.push(report("warning", `${held}, and that process is stopped`, `kill -CONT ${holder.pid}`));
    else if (holder.state === "unknown") {
      const fix = hint`Wait 10 minutes; or, if it has ended: ${{ run: ["rm", "-r", path] }}`;
      findings.push(report("warning", `${held}, and that process cannot be seen from this machine or container`, fix));
    } else findings.push(report("note", `${held}, and that process is running`));
    return findings;
  } catch (error) {
    return [failed(report, error)];
  }
}

import { relative } from "node:path";
import { inspectFolder } from "../platform/inspect.ts";
import { inspectProcessLock, lockLeftovers, removeDeadLock } from "../platform/process-lock/process-lock.ts";
import { failed, finder, quoted, type Finding } from "./finding.ts";

const report = finder("D501", "lock");

/**
 * Every lock in the folder: who holds it, since when, and whether that process can still give it up.
 * @param unstick - removes those whose holder is proved dead
 */
export function examineLocks(folder: string, unstick: boolean): Finding[] {
  const paths = new Set<string>();
  for (const { path } of inspectFolder(folder)) {
    // "x.lock" is the lock, "x.lock.<process>" one who waits for it or did, and what is inside either is nobody's own.
    const [, lock] = /^(.*\.lock)(?:\.[^/\\]+)?$/.exec(path) ?? [];
    if (lock !== undefined && !/\.lock[./\\]/.test(relative(folder, lock))) paths.add(lock);
  }
  const findings = [...paths].flatMap((path) => examineLock(path, relative(folder, path), unstick));
  return findings.length > 0 ? findings : [report("ok", "none is held")];
}

function examineLock(path: string, name: string, unstick: boolean): Finding[] {
  try {
    const holder = inspectProcessLock(path);
    const left = lockLeftovers(path);
    const isDead = holder?.state === "dead";
    const isRemoved = unstick && (isDead || left.length > 0) && removeDeadLock(path);
    const findings: Finding[] = [];
    if (left.length > 0) {
      const said = `${left.length === 1 ? "a process" : `${left.length} processes`} killed while waiting for "${name}"`;
      findings.push(isRemoved ? report("note", `removed what was left by ${said}`) : report("note", `something is left by ${said}`, "spec-kitty auth doctor --unstick"));
    }
    if (holder === undefined) return findings;
    // A holder on macOS or Windows that has not yet said who it is.
    const who = holder.pid === 0 ? "a process" : `process ${holder.pid} on "${holder.host}"`;
    const held = `"${name}" is held by ${who}${holder.since && `, since ${holder.since}`}`;
    if (isDead && isRemoved) findings.push(report("note", `removed: ${held}, which is dead`));
    else if (isDead) findings.push(report("warning", `${held}, which is dead: the next one who wants it takes it over`, "spec-kitty auth doctor --unstick"));
    else if (holder.state === "stopped") findings.push(report("warning", `${held}, which is stopped`, `kill -CONT ${holder.pid}`));
    else if (holder.state === "unknown") {
      findings.push(report("warning", `${held}, which cannot be seen from this machine or container`, `Wait 10 minutes; or, if it has ended: rm -r ${quoted(path)}`));
    } else findings.push(report("note", `${held}, which is running`));
    return findings;
  } catch (error) {
    return [failed(report, error)];
  }
}

import { dirname, join } from "node:path";
import { AuthError, hint, isAuthError, login } from "../../base/errors.ts";
import { ensurePrivateFolder, removePrivateFile, replacePrivateFile } from "../../platform/private-file-changes.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import { clocksFile } from "../secure-storage/machine-key.ts";
import type { ThisMachine } from "./local.ts";
import type { Session } from "./session.ts";

/*
 * What a machine keeps to itself about logins that others may share, next to the secret of its key: how far its clock
 * is from each server's, and how often it has refreshed each login.
 *
 * A login can be used without it. Where it cannot be read or written, this machine has not met the login yet.
 */

/** Smaller differences are one offset: servers tell the time in whole seconds, and responses take a while. */
const sameOffsetMs = 5_000;

/** By this machine's clock. */
export function inItsTime(session: Session, machine: ThisMachine): Session {
  return { ...session, clockOffsetMs: offsetsOf(machine)[session.server.issuer] ?? 0 };
}

/** To be stored: other machines read it too. */
export function withoutOffset(session: Session): Session {
  return { ...session, clockOffsetMs: 0 };
}

/** After a profile's session has ended, or another was stored. */
export function noteChange(before: Session | undefined, after: Session | undefined, machine: ThisMachine): void {
  if (before !== undefined && before.id !== after?.id) attempt(() => removePrivateFile(countFile(before.id, machine)));
  if (after === undefined) return;
  note(after, machine);
  noteOffset(after, machine);
}

/** After a session was stored. */
export function note({ id, refreshes }: Session, machine: ThisMachine): void {
  attempt(() => refreshes > 0 && write(countFile(id, machine), String(refreshes)));
}

export function noteOffset({ server: { issuer }, clockOffsetMs }: Session, machine: ThisMachine): void {
  attempt(() => {
    const { [issuer]: known = 0, ...others } = offsetsOf(machine);
    const offsets = { ...others, ...(clockOffsetMs !== 0 && { [issuer]: clockOffsetMs }) };
    if (Math.abs(known - clockOffsetMs) > sameOffsetMs)
      write(clocksFile(machine.folder(), machine.digest), JSON.stringify(offsets));
  });
}

/** The refreshes of a login when this machine last stored it. */
export function lastRefresh(login: string, machine: ThisMachine): number {
  return Number(attempt(() => readPrivateFile(countFile(login, machine))) ?? 0);
}

/**
 * Refuses a session older than what is known here: a copy from a backup or a snapshot. Its refresh token was spent
 * since, and a server that sees it again ends the session for all (RFC 9700 §4.14.2).
 *
 * @param last - refreshes so far
 * @throws {@link AuthError} `storage_damaged`
 */
export function refuseOlder({ refreshes }: Session, last: number): void {
  if (!(refreshes < last)) return;
  throw new AuthError(
    "storage_damaged",
    `the stored session is an old copy (refresh ${refreshes} of ${last}): its refresh token was not sent`,
    { hint: hint`Restore the newest copy, or log in again: ${login(undefined, "--force")}` },
  );
}

function offsetsOf(machine: ThisMachine): Readonly<Record<string, number>> {
  const bytes = attempt(() => readPrivateFile(clocksFile(machine.folder(), machine.digest)));
  try {
    return bytes === undefined ? {} : (JSON.parse(bytes.toString()) as Record<string, number>);
  } catch {
    return {};
  }
}

function countFile(id: string, machine: ThisMachine): string {
  return join(machine.folder(), "refreshes", id);
}

/** A lost number or offset costs no more than it saves: nothing waits for the disk. */
function write(path: string, text: string): void {
  ensurePrivateFolder(dirname(path));
  replacePrivateFile(path, text, { flush: false });
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isAuthError(error)) return undefined;
    throw error;
  }
}

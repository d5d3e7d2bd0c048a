import { dirname, relative } from "node:path";
import type { App } from "../app/app.ts";
import { hint } from "../base/errors.ts";
import type { SystemCommand } from "../base/hint.ts";
import { leftTemporaries } from "../platform/replace-file.ts";
import { openFoldersAbove } from "../platform/folders-above.ts";
import { inspectFolder, type Inspected } from "../platform/inspect.ts";
import { removePrivateFile } from "../platform/private-file-changes.ts";
import { checkFolder, octal, readPrivateFile } from "../platform/private-files.ts";
import { reportFailure, reportOn, repairCommand, type Finding } from "./finding.ts";

/** `unreadable`: the error of reading the sessions, if any. */
export function examineStore(app: App, unreadable: unknown, repair: boolean): Finding[] {
  if (app.missingFolder !== undefined) return [reportFailure(reportOn("D401", "store"), app.missingFolder)];
  const { folder, keys } = app.local;
  const [top, ...entries] = inspectFolder(folder);
  const findings = [store(app, unreadable)];
  if (top === undefined) return findings;
  const credentials = entries.find(({ path }) => path === keys.path);
  const stranger = entries.map(({ path }) => relative(folder, path)).find((path) => !ours.test(path));
  const own = folderModes(top, stranger);
  findings.push(own);
  // Otherwise the fix would change other people's files.
  if (top.kind === "folder" && !belongsToAnother(top) && stranger === undefined) {
    if (credentials && own.severity !== "critical") findings.push(fileModes(credentials));
    findings.push(
      otherModes(
        folder,
        entries.filter((entry) => entry !== credentials),
      ),
      temporaries(folder, repair),
    );
  }
  if (top.mode !== undefined) findings.push(...foldersAbove(folder));
  return findings;
}

function store({ identity, isKept, sharedStore, local: { keys, folder } }: App, unreadable: unknown): Finding {
  const report = reportOn("D401", "store");
  if (unreadable !== undefined) return reportFailure(report, unreadable);
  if (!isKept) return report("note", "memory: a session ends with its command");
  if (sharedStore !== undefined) {
    const { name, key } = sharedStore;
    if (key === "none")
      return report("note", `${name} responds; its entries are plain text, by the choice of this program`);
    const by = key === "program" ? "the key of this program" : identity.variable("PASSPHRASE");
    return report("ok", `${name} responds; its entries are sealed with ${by}`);
  }
  const slot = keys.own();
  if (slot === undefined) return report("ok", `nothing is stored yet in ${folder}`);
  const key = {
    keychain: "a key in the OS keychain",
    passphrase: identity.variable("PASSPHRASE"),
    machine: "the machine key, not protected from your own programs",
  }[slot.way.source];
  return report("ok", `${folder}, sealed with ${key}`);
}

/** By prefix. */
const ours = /^\.?(keys\b|sessions\b|profiles\.lock\b|queue\b|exec-credential\b|keyring\.node\b)/;

/** @param stranger - a foreign entry of the directory */
function folderModes({ path, mode }: Inspected, stranger: string | undefined): Finding {
  const report = reportOn("D402", "directory");
  try {
    checkFolder(path);
  } catch (error) {
    return reportFailure(report, error);
  }
  if (stranger !== undefined) {
    const another = hint`Set ${{ variable: "CONFIG_DIR" }} to a directory you own, for this program only`;
    return report("warning", `${path} contains files of other programs, such as ${stranger}`, another);
  }
  if (mode === undefined) return report("ok", path);
  if ((mode & 0o077) !== 0)
    return report("warning", `${path} can be listed by others (mode ${octal(mode)})`, [command("chmod", "700", path)]);
  return report("ok", `${path} is private (mode ${octal(mode)})`);
}

function fileModes({ path, mode }: Inspected): Finding {
  const report = reportOn("D403", "file");
  try {
    readPrivateFile(path);
  } catch (error) {
    return reportFailure(report, error);
  }
  return report("ok", mode === undefined ? path : `${path} is private (mode ${octal(mode)})`);
}

/** Locks are readable by all: another user's process, after `sudo`, must see a holder. */
function otherModes(folder: string, entries: readonly Inspected[]): Finding {
  const report = reportOn("D404", "other files");
  const counted = entries.filter(({ path }) => !/\.lock(?:[./\\]|$)/.test(relative(folder, path)));
  const strangers = counted.filter(belongsToAnother);
  if (strangers[0])
    return foreign(report("warning", `${some(strangers)} belongs to another user (uid ${strangers[0].uid})`), folder);
  const open = counted.filter(
    ({ kind, mode }) => kind !== "link" && ((mode ?? 0) & (kind === "file" ? 0o077 : 0o022)) !== 0,
  );
  if (open.length > 0)
    return report("warning", `${some(open)} is open to others`, [command("chmod", "-R", "go=", folder)]);
  const files = counted.filter(({ kind }) => kind === "file").length;
  return report("ok", files === 0 ? "there are none" : `${files}, all private`);
}

function temporaries(folder: string, repair: boolean): Finding {
  const report = reportOn("D405", "temporary files");
  let left: readonly string[];
  try {
    left = leftTemporaries(folder, { recursive: true });
    if (repair) left.forEach(removePrivateFile);
  } catch (error) {
    return reportFailure(report, error, `${folder} cannot be listed`, [command("ls", "-la", folder)]);
  }
  if (left.length === 0) return report("ok", "there are none");
  const names = left.map((path) => relative(folder, path)).join(", ");
  if (repair) return report("note", `removed those of a killed process: ${names}`);
  return report("warning", `a killed process left ${names}`, repairCommand);
}

/** A warning: a replaced directory is not trusted, but the sessions could be hidden, or an old directory restored. */
function foldersAbove(folder: string): Finding[] {
  const report = reportOn("D406", "directories above");
  const me = process.geteuid?.();
  const danger = "so others could replace it";
  try {
    const open = openFoldersAbove(folder).map(({ path, uid, mode }) => {
      if (uid !== me && uid !== 0) {
        return report("warning", `${path} belongs to another user (uid ${uid}), ${danger}`, [
          { variable: "CONFIG_DIR", value: "…" },
        ]);
      }
      const fix = uid === me ? command("chmod", "go-w", path) : command("sudo", "chmod", "+t", path);
      return report("warning", `${path} can be changed by others (mode ${octal(mode)}), ${danger}`, [fix]);
    });
    return open.length > 0 ? open : [report("ok", "no one else can change them")];
  } catch (error) {
    return [reportFailure(report, error, "they cannot be examined", [command("ls", "-ld", dirname(folder))])];
  }
}

function belongsToAnother({ uid }: Inspected): boolean {
  return uid !== undefined && uid !== process.geteuid?.();
}

/** As after `sudo` with the same home directory. */
function foreign(finding: Finding, path: string): Finding {
  return { ...finding, fix: hint`sudo chown -R "$(id -u)" ${command(path)}` };
}

function some(entries: readonly Inspected[]): string {
  return `${entries[0]?.path}${entries.length > 1 ? ` (and ${entries.length - 1} more)` : ""}`;
}

function command(...run: string[]): SystemCommand {
  return { run };
}

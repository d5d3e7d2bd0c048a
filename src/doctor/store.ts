import { dirname, relative } from "node:path";
import { openFoldersAbove } from "../platform/folders-above.ts";
import { inspectFolder, type Inspected } from "../platform/inspect.ts";
import { leftTemporaries } from "../platform/files.ts";
import { removePrivateFile } from "../platform/private-files.ts";
import type { SealedFile } from "../auth/secure-storage/sealed-file.ts";
import type { KeyHeader } from "../auth/secure-storage/vault.ts";
import { failed, finder, quoted, type Finding } from "./finding.ts";

const keySources: Readonly<Record<KeyHeader["source"], string>> = {
  keychain: "a key in the OS keychain",
  passphrase: "SPEC_KITTY_PASSPHRASE",
  machine: "a key of this machine and user, which guards a stray copy and not against your own programs",
};

/**
 * The sealed file, its folder, everything in that, and the folders above.
 *
 * @param unreadable - what reading the sessions failed with; undefined when it did not
 * @param unstick - removes what killed writers left
 */
export function examineStore(file: SealedFile, isKept: boolean, unreadable: unknown, unstick: boolean): Finding[] {
  const folder = dirname(file.path);
  const [top, ...entries] = inspectFolder(folder);
  const findings = [sealedFile(file, isKept, unreadable)];
  if (top === undefined) return findings;
  const credentials = entries.find(({ path }) => path === file.path);
  findings.push(folderModes(top));
  if (credentials) findings.push(fileModes(credentials));
  findings.push(otherModes(folder, entries.filter((entry) => entry !== credentials)), temporaries(folder, unstick), ...(top.mode === undefined ? [] : foldersAbove(folder)));
  return findings;
}

function sealedFile(file: SealedFile, isKept: boolean, unreadable: unknown): Finding {
  const report = finder("D401", "store");
  if (unreadable !== undefined) return failed(report, unreadable);
  if (!isKept) return report("note", "memory: a login ends with its command");
  const header = file.header();
  return report("ok", header ? `${file.path}, sealed with ${keySources[header.source]}` : `nothing is stored yet in ${file.path}`);
}

function folderModes(folder: Inspected): Finding {
  const report = finder("D402", "folder");
  const { path, mode } = folder;
  if (isForeign(folder)) return foreign(report("critical", `${path} belongs to another user (uid ${folder.uid})`), path);
  if (mode === undefined) return report("ok", path);
  if ((mode & 0o022) !== 0) return report("critical", `${path} can be changed by others (mode ${octal(mode)})`, `chmod 700 ${quoted(path)}`);
  if ((mode & 0o077) !== 0) return report("warning", `${path} can be looked into by others (mode ${octal(mode)})`, `chmod 700 ${quoted(path)}`);
  return report("ok", `${path} is yours alone (mode ${octal(mode)})`);
}

function fileModes(file: Inspected): Finding {
  const report = finder("D403", "file");
  const { path, mode, kind } = file;
  if (kind === "link") return report("critical", `${path} is a symbolic link`, `rm ${quoted(path)}`);
  if (kind !== "file") return report("critical", `${path} is no plain file`, `mv ${quoted(path)} ${quoted(`${path}.old`)}`);
  if (isForeign(file)) return foreign(report("critical", `${path} belongs to another user (uid ${file.uid})`), path);
  if (mode === undefined) return report("ok", path);
  if ((mode & 0o077) !== 0) return report("critical", `${path} can be read by others (mode ${octal(mode)})`, `chmod 600 ${quoted(path)}`);
  return report("ok", `${path} is yours alone (mode ${octal(mode)})`);
}

/** Locks are open to all on purpose: another user's process, after `sudo`, must see who holds one. */
function otherModes(folder: string, entries: readonly Inspected[]): Finding {
  const report = finder("D404", "other files");
  const counted = entries.filter(({ path }) => !/\.lock(?:[./\\]|$)/.test(relative(folder, path)));
  const strangers = counted.filter(isForeign);
  if (strangers[0]) return foreign(report("warning", `${some(strangers)} belongs to another user (uid ${strangers[0].uid})`), folder);
  const open = counted.filter(({ kind, mode }) => kind !== "link" && ((mode ?? 0) & (kind === "file" ? 0o077 : 0o022)) !== 0);
  if (open.length > 0) return report("warning", `${some(open)} is open to others`, `chmod -R go= ${quoted(folder)}`);
  const files = counted.filter(({ kind }) => kind === "file").length;
  return report("ok", files === 0 ? "there are none" : `${files}, all of them yours alone`);
}

function temporaries(folder: string, unstick: boolean): Finding {
  const report = finder("D405", "temporary files");
  let left: readonly string[];
  try {
    left = leftTemporaries(folder, { recursive: true });
    if (unstick) left.forEach(removePrivateFile);
  } catch (error) {
    return failed(report, error, `${folder} cannot be listed`, `ls -la ${quoted(folder)}`);
  }
  if (left.length === 0) return report("ok", "none is left over");
  const names = left.map((path) => relative(folder, path)).join(", ");
  if (unstick) return report("note", `removed what a killed process left: ${names}`);
  return report("warning", `a killed process left ${names}`, "spec-kitty auth doctor --unstick");
}

/**
 * A warning and no more: what somebody puts in the place of the folder is not believed unless it is this user's own. But they
 * can hide the sessions, or bring back a folder that was put away.
 */
function foldersAbove(folder: string): Finding[] {
  const report = finder("D406", "folders above");
  const me = process.geteuid?.();
  const danger = "who can put another folder in the place of yours";
  try {
    const open = openFoldersAbove(folder).map(({ path, uid, mode }) => {
      if (uid !== me && uid !== 0) return report("warning", `${path} belongs to another user (uid ${uid}), ${danger}`, "export SPEC_KITTY_CONFIG_DIR=…");
      const fix = uid === me ? `chmod go-w ${quoted(path)}` : `sudo chmod +t ${quoted(path)}`;
      return report("warning", `${path} can be changed by others (mode ${octal(mode)}), ${danger}`, fix);
    });
    return open.length > 0 ? open : [report("ok", "nobody else can change them")];
  } catch (error) {
    return [failed(report, error, "they cannot be looked at", `ls -ld ${quoted(dirname(folder))}`)];
  }
}

function isForeign({ uid }: Inspected): boolean {
  return uid !== undefined && uid !== process.geteuid?.();
}

/** After `sudo` with the same home folder, say. */
function foreign(finding: Finding, path: string): Finding {
  return { ...finding, fix: `sudo chown -R "$(id -u)" ${quoted(path)}` };
}

function some(entries: readonly Inspected[]): string {
  return `${entries[0]?.path}${entries.length > 1 ? `, as one of ${entries.length},` : ""}`;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

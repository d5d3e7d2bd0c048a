// Must be the first import of a test: `src/` takes functions of `node:fs` when loaded.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { sep } from "node:path";

/** A file system call below a faulty directory. */
export interface FileCall {
  /** As in `node:fs`, without `Sync`. */
  readonly name: string;
  readonly path: string;
  /** Changes names or files, but not the content of files opened before. */
  readonly changes: boolean;
  /** Creates a file or directory. */
  readonly creates: boolean;
}

/** The error code instead of the call; undefined lets it through. */
export type FileFault = (call: FileCall) => string | undefined;

const faults = new Map<string, FileFault>();
const opened = new Map<number, string>();

/** Makes calls below a directory fail until the returned function is called. */
export function faultyFiles(folder: string, fault: FileFault): () => void {
  faults.set(folder, fault);
  return () => void faults.delete(folder);
}

const { O_CREAT, O_RDWR, O_WRONLY } = fs.constants;
const changing = ["mkdir", "rename", "rm", "unlink", "rmdir"];
const names = [...changing, "open", "stat", "lstat", "readdir", "write", "fsync", "ftruncate", "fstat"] as const;

for (const name of names) {
  const key = `${name}Sync` as const;
  const own = fs[key as "openSync"] as (...args: unknown[]) => unknown;
  const faulty = (...args: unknown[]): unknown => {
    const path = typeof args[0] === "number" ? (opened.get(args[0]) ?? "") : String(args[0]);
    const flags =
      name !== "open" ? 0 : typeof args[1] === "string" ? (/[wax]/.test(args[1]) ? O_CREAT : 0) : Number(args[1]);
    const changes = changing.includes(name) || (flags & (O_CREAT | O_RDWR | O_WRONLY)) !== 0;
    const code = faultOf(path)?.({ name, path, changes, creates: name === "mkdir" || (flags & O_CREAT) !== 0 });
    if (code !== undefined)
      throw Object.assign(new Error(`${code}: a fault, ${name} '${path}'`), { code, syscall: name, path });
    const result = own(...args);
    if (name === "open") opened.set(Number(result), path);
    return result;
  };
  Object.assign(fs, { [key]: faulty });
}
fs.fsync = ((fd: number, done: (error: unknown) => void) => {
  let error: unknown = null;
  try {
    fs.fsyncSync(fd);
  } catch (thrown) {
    error = thrown;
  }
  process.nextTick(done, error);
}) as typeof fs.fsync;
const { closeSync } = fs;
fs.closeSync = (fd) => {
  opened.delete(fd);
  closeSync(fd);
};
syncBuiltinESMExports();

function faultOf(path: string): FileFault | undefined {
  for (const [folder, fault] of faults) if (path === folder || path.startsWith(folder + sep)) return fault;
  return undefined;
}

import { readFileSync, realpathSync, statSync } from "node:fs";
import module from "node:module";
import { basename, dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWayTo, type OpenFolder } from "../../platform/folders-above.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import { bunExecutable } from "../../platform/self.ts";

/** The native library, as files to try in this order (for one libc and another); or why there is none to use. */
export type KeychainLibrary =
  | { readonly files: readonly string[] }
  | { readonly missing: string }
  | { readonly open: OpenFolder };

const dependency = "@napi-rs/keyring";

/** How its packages for one platform are named beyond that: by libc or compiler. */
const builds: Partial<Record<string, readonly string[]>> = {
  linux: ["-gnu", "-musl", "-gnueabihf", "-musleabihf"],
  win32: ["-msvc"],
};

/**
 * Finds the native library of the keychain where this package's own dependency is, and nowhere else.
 *
 * `require` would go on to every `node_modules` further up, to one in `/tmp` or in a shared folder, and run what another user has
 * put there (S-012). The same holds for what the dependency itself requires. So neither is required: each package is looked for
 * where a package manager puts it, what is found counts only if nobody but this user and root can change the way to it, and the
 * answer is the native file, which requires nothing.
 *
 * @param places - files of this program; by default this module, or the one file that a bundler has made of it
 * @param platform - as `process.platform` and `process.arch`
 */
export function findKeychainLibrary(
  places: readonly string[] = ownFiles(),
  { platform, arch }: { platform: string; arch: string } = process,
): KeychainLibrary {
  const suffixes = (builds[platform] ?? [""]).map((build) => `${platform}-${arch}${build}`);
  const found = places.flatMap((place) => inPnp(place, suffixes) ?? nextTo(place, suffixes));
  if (found.length === 0) return { missing: "it is not installed next to this program" };
  const judged = found.map(({ way, file }) => ({
    file,
    open: platform === "win32" ? undefined : way.flatMap((path) => openWayTo(path))[0],
  }));
  const files = judged.filter(({ open }) => open === undefined).map(({ file }) => file);
  const open = judged.find((one) => one.open)?.open;
  return files.length === 0 && open !== undefined ? { open } : { files };
}

/** The name of the library among the assets of a single executable of Node (`assets` in its configuration). */
const asset = "keyring.node";

/**
 * The library that a single executable brings along, as a file: the system loads libraries from files only. It is compared with
 * what the executable has, byte for byte, each time; the folder is one that only this user can change.
 *
 * @returns undefined where there is none
 */
export async function unpackedLibrary(folder: string): Promise<KeychainLibrary | undefined> {
  const sea = process.getBuiltinModule?.("node:sea");
  if (!sea?.isSea() || !(sea as { getAssetKeys?(): string[] }).getAssetKeys?.().includes(asset)) return undefined;
  const bytes = Buffer.from(sea.getRawAsset(asset) as ArrayBuffer);
  const path = join(folder, asset);
  const { ensurePrivateFolder, replacePrivateFile } = await import("../../platform/private-file-changes.ts");
  ensurePrivateFolder(folder);
  if (!readPrivateFile(path)?.equals(bytes)) replacePrivateFile(path, bytes);
  return { files: [path] };
}

/** A native file, and the paths at which it was looked up. */
interface Found {
  readonly file: string;
  readonly way: readonly string[];
}

function nextTo(place: string, suffixes: readonly string[]): Found[] {
  return packagesAround(place)
    .flatMap((folder) => dependencyFolders(folder, dependency))
    .flatMap((way) => {
      const folder = realpathSync(way);
      return suffixes
        .flatMap((suffix) =>
          [folder, ...dependencyFolders(folder, `${dependency}-${suffix}`)].map((inside) =>
            join(inside, `keyring.${suffix}.node`),
          ),
        )
        .filter(isFile)
        .map((native) => ({ file: realpathSync(native), way: [way, native] }));
    });
}

/** Where npm, pnpm and Yarn put what a package depends on: in a folder of its own, or next to it. */
function dependencyFolders(folder: string, name: string): string[] {
  const scope = basename(dirname(folder)).startsWith("@") ? dirname(folder) : folder;
  const around = basename(dirname(scope)) === "node_modules" ? [dirname(scope)] : [];
  return [join(folder, "node_modules"), ...around]
    .map((modules) => join(modules, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
}

/** The folder of a file, and those above that have a manifest, up to the first that is a package with a name. */
function packagesAround(file: string): string[] {
  const packages = [dirname(file)];
  for (let at = dirname(file); ; at = dirname(at)) {
    const name = nameIn(join(at, "package.json"));
    if (name !== undefined && at !== packages[0]) packages.push(at);
    if (name || at === dirname(at)) return packages;
  }
}

/** The name in a manifest; empty where it has none, undefined where there is no manifest. */
function nameIn(manifest: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown };
    return typeof name === "string" ? name : "";
  } catch {
    return undefined;
  }
}

/** The part of Yarn's Plug'n'Play that is used (https://yarnpkg.com/advanced/pnpapi). */
interface PnpApi {
  findPackageLocator(file: string): object | null;
  resolveRequest(request: string, issuer: string): string | null;
}

/** There packages are in archives, and only the project's own table says in which; undefined for a file that is in no such project. */
function inPnp(place: string, suffixes: readonly string[]): Found[] | undefined {
  const api = (module as { findPnpApi?: (file: string) => PnpApi | null }).findPnpApi?.(place);
  if (!api?.findPackageLocator(place)) return undefined;
  const resolve = (request: string, issuer: string | null): string | null => {
    try {
      return issuer && api.resolveRequest(request, issuer);
    } catch {
      return null;
    }
  };
  const manifest = resolve(`${dependency}/package.json`, place);
  const natives = suffixes.map((suffix) => resolve(`${dependency}-${suffix}`, manifest));
  return natives.filter((native) => native !== null).map((native) => ({ file: native, way: [native] }));
}

/**
 * The file that this code was loaded from, as the engine knows it. Bundlers put other things in place of `import.meta.url` and
 * `__filename`: nothing, a path of the machine that they ran on, or a name that is not there when the program runs.
 */
function ownFiles(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, [site]) => site?.getFileName();
    const place = bunExecutable ?? (new Error().stack as string | undefined);
    const path = place?.startsWith("file:") ? fileURLToPath(place) : (place ?? "");
    // A program from a pipe claims to be a file named "[eval1]" in the working folder, where a cloned repository may have one.
    return isAbsolute(path) && !basename(path).startsWith("[") ? [realpathSync(path)] : [];
  } catch {
    return [];
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

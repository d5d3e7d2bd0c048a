import { readFileSync, realpathSync, statSync } from "node:fs";
import module from "node:module";
import { basename, dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWayTo, type OpenFolder } from "../../platform/folders-above.ts";
import { readPrivateFile } from "../../platform/private-files.ts";
import { bunExecutable } from "../../platform/self.ts";

/** Files to try in order (one libc, then another); or why there are none. */
export type KeychainLibrary =
  | { readonly files: readonly string[] }
  | { readonly missing: string }
  | { readonly open: OpenFolder };

const dependency = "@napi-rs/keyring";

/** Suffixes of its packages for one platform: by libc or compiler. */
const builds: Partial<Record<string, readonly string[]>> = {
  linux: ["-gnu", "-musl", "-gnueabihf", "-musleabihf"],
  win32: ["-msvc"],
};

/**
 * Finds the keychain's native library at this package's own dependency, and nowhere else.
 *
 * `require` would go on to every `node_modules` further up, one in `/tmp` or a shared directory included, and run what
 * another user put there (S-012); so would the dependency's own `require`. So neither is required: each package is
 * looked for where package managers put it, counts only if nobody but this user and root can change its path, and the
 * result is the native file, which requires nothing.
 *
 * @param places - files of this program; by default this module, or the bundle it is in
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

/** In the assets of a Node single executable (`assets` in its configuration). */
const asset = "keyring.node";

/**
 * The library inside a single executable, as a file, since systems load libraries only from files. Compared byte for
 * byte each time, in a directory that only this user can change.
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

interface Found {
  readonly file: string;
  /** The paths of the lookup. */
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

/** Where npm, pnpm and Yarn put a dependency: in a directory of its own, or next to the package. */
function dependencyFolders(folder: string, name: string): string[] {
  const scope = basename(dirname(folder)).startsWith("@") ? dirname(folder) : folder;
  const around = basename(dirname(scope)) === "node_modules" ? [dirname(scope)] : [];
  return [join(folder, "node_modules"), ...around]
    .map((modules) => join(modules, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
}

/** The file's directory and its parents with a manifest, up to the first package with a name. */
function packagesAround(file: string): string[] {
  const packages = [dirname(file)];
  for (let at = dirname(file); ; at = dirname(at)) {
    const name = nameIn(join(at, "package.json"));
    if (name !== undefined && at !== packages[0]) packages.push(at);
    if (name || at === dirname(at)) return packages;
  }
}

function nameIn(manifest: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown };
    return typeof name === "string" ? name : "";
  } catch {
    return undefined;
  }
}

/** The used part of Yarn's Plug'n'Play (https://yarnpkg.com/advanced/pnpapi). */
interface PnpApi {
  findPackageLocator(file: string): object | null;
  resolveRequest(request: string, issuer: string): string | null;
}

/** There packages are in archives listed by the project's own table; undefined outside of such a project. */
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
 * The file of this code, as the engine knows it. Bundlers replace `import.meta.url` and `__filename` by nothing, a path
 * of the build machine, or a name missing at run time.
 */
function ownFiles(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, [site]) => site?.getFileName();
    const place = bunExecutable ?? (new Error().stack as string | undefined);
    const path = place?.startsWith("file:") ? fileURLToPath(place) : (place ?? "");
    // A program from a pipe claims to be "[eval1]" in the working directory, where a clone may have such a file.
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

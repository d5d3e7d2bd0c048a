import { readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
// The bundler that tsx brings: no package more than there is.
import { build, type Plugin } from "esbuild";
import { linesOnly, type SourceMap } from "./source-map.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "src", "cli", "main.ts");

/**
 * The program and the library as a few files, each with its map; what is imported when it is needed stays apart. A file costs a
 * start more than what is in it does.
 *
 * @returns the files' texts by name
 */
export async function bundle(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { index: "src/index.ts", main, "keychain-process": "src/auth/secure-storage/keychain-process.ts" },
    outdir: "dist",
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.18",
    minify: true,
    charset: "utf8",
    sourcemap: true,
    sourcesContent: false,
    plugins: [sources],
  });
  return new Map(
    outputFiles.map(({ path, text }) => [basename(path), path.endsWith(".map") ? JSON.stringify(linesOnly(JSON.parse(text) as SourceMap)) : text]),
  );
}

/** The sources, with what the bundler cannot see in them; no line moves, since the maps count lines. */
const sources: Plugin = {
  name: "sources",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      // Names are shortened, and the one of a class is seen: `console.log` shows it of whatever the library gives or throws.
      const named = readFileSync(path, "utf8").replace(/^export (?:abstract )?class (\w+)[^{]*\{/gm, `$& static name = "$1";`);
      // What `main` is made of is there before any command is: else all of that would be cut by which command shares what.
      const isCommand = /[\\/]cli[\\/]commands[\\/]/.test(path);
      return { loader: "ts", contents: isCommand ? `import ${JSON.stringify(relative(dirname(path), main).replaceAll("\\", "/"))}; ${named}` : named };
    });
  },
};

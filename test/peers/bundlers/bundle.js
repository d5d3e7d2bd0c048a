// `node bundle.js PROGRAM FOLDER`: bundles a program by each bundler, in a directory each. A separate process, since
// bundlers start workers, which inherit Node's options of a test.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Parcel } from "@parcel/core";
import { build as tsdown } from "tsdown";
import { build as vite } from "vite";
import webpack from "webpack";

const [input = "", folder = ""] = process.argv.slice(2);

for (const format of ["esm", "cjs"]) {
  const stats = await promisify(webpack)({
    mode: "production",
    target: "node20",
    entry: input,
    output: {
      path: join(folder, `webpack-${format}`),
      filename: format === "esm" ? "program.mjs" : "program.cjs",
      ...(format === "esm" && { module: true, chunkFormat: "module" }),
    },
    experiments: { outputModule: format === "esm" },
  });
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());

  await tsdown({
    cwd: dirname(input),
    config: false,
    entry: { program: input },
    format,
    platform: "node",
    outDir: join(folder, `tsdown-${format}`),
    deps: { alwaysBundle: [/./] },
    dts: false,
    logLevel: "error",
  });
}

await vite({
  root: dirname(input),
  configFile: false,
  logLevel: "error",
  ssr: { noExternal: true },
  build: {
    ssr: input,
    outDir: join(folder, "vite-esm"),
    rollupOptions: { output: { entryFileNames: "program.mjs" } },
  },
});

await new Parcel({
  entries: input,
  defaultConfig: createRequire(import.meta.url).resolve("@parcel/config-default"),
  mode: "production",
  shouldDisableCache: true,
  cacheDir: join(folder, "parcel-cache"),
  targets: {
    main: {
      distDir: join(folder, "parcel-cjs"),
      distEntry: "program.cjs",
      context: "node",
      outputFormat: "commonjs",
      engines: { node: ">=20" },
      includeNodeModules: true,
    },
  },
}).run();
// Workers of some bundlers stay.
process.exit();

import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { entryPointsOf, exportsOf, type Declaration } from "../docs/declarations.ts";

const typesOfNode = fileURLToPath(new URL("../../node_modules/@types", import.meta.url));

/**
 * Settings of a caller's project that change the compiler's environment. Each is strict and checks libraries, except
 * the compiler's own.
 */
export const consumerSettings: readonly [title: string, options: Readonly<Record<string, unknown>>][] = [
  ["the compiler's defaults, which have lib dom and no types of Node", { types: [] }],
  ["neither lib dom nor the types of Node", { types: [], lib: ["es2023"] }],
  ["the types of Node and no lib dom", { types: ["node"], lib: ["es2023"] }],
  ["the types of Node and lib dom", { types: ["node"], lib: ["es2023", "dom"] }],
  ["moduleResolution bundler", { types: [], module: "esnext", moduleResolution: "bundler" }],
  ["moduleResolution node16", { types: [], module: "node16", moduleResolution: "node16" }],
];

/**
 * Compiles a project with the package in its `node_modules`, for every entry point:
 *
 * - the declared values are those that the code exports;
 * - every type that a caller can infer from an export has a name that declarations can import (else TS4023 or TS2742).
 *
 * @param compiler - the path of a `tsc`
 * @param project - the directory with `node_modules`
 * @param options - from {@link consumerSettings}
 * @throws the compiler's output
 */
export async function compileConsumer(
  compiler: string,
  project: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const folder = join(project, `types-${JSON.stringify(options).replace(/\W+/g, "-")}`);
  mkdirSync(folder);
  for (const [index, { name, code, types }] of entryPointsOf(join(project, "node_modules", "spec-kitty")).entries()) {
    const values = Object.keys((await import(pathToFileURL(code).href)) as object);
    const imported = `import * as entry from "${name}";`;
    writeFileSync(
      join(folder, `esm-${index}.mts`),
      [imported, ...sameValues(values), ...exportsOf(types).flatMap(inferred)].join("\n"),
    );
    const required = `declare const entry: typeof import("${name}", { with: { "resolution-mode": "import" } });`;
    writeFileSync(join(folder, `commonjs-${index}.cts`), [required, ...sameValues(values)].join("\n"));
  }
  // Checks the package's declarations and their references, not the compiler's own libraries.
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, skipDefaultLibCheck: true };
  const compilerOptions = {
    ...strict,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: ".",
    outDir: "out",
    typeRoots: [typesOfNode],
    ...options,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*"] }));
  await promisify(execFile)(process.execPath, [compiler, "-p", folder], { encoding: "utf8" }).catch(
    (error: { stdout: string }) => {
      throw new Error(error.stdout);
    },
  );
}

/** Compiles only when the types declare exactly these values. */
function sameValues(values: readonly string[]): string[] {
  return [
    `type Values = ${values.map((value) => JSON.stringify(value)).join(" | ") || "never"};`,
    "type Declared = keyof typeof entry;",
    "export const undeclared: [Values] extends [Declared] ? undefined : Exclude<Values, Declared> = undefined;",
    "export const missing: [Declared] extends [Values] ? undefined : Exclude<Declared, Values> = undefined;",
  ];
}

/** Exports of everything that can be inferred from a declaration: the compiler must write the types down. */
function inferred({ name, kind, text }: Declaration): string[] {
  // Only passed in.
  if (/(Options|Init|Streams)$/.test(name)) return [];
  if (kind === "const") return [`export const value_${name} = entry.${name};`];
  if (kind === "function") {
    const result = `entry.${name}(...([] as unknown as Parameters<typeof entry.${name}>))`;
    return [`export const result_${name} = ${result};`, `export const function_${name} = entry.${name};`];
  }
  if (kind === "type") return [];
  const members = new Set(
    [...text.matchAll(/^ {4}(?:readonly |get )?(?!constructor\b)(\w+|"[^"]+")[?(<:]/gm)].map(
      ([, member = ""]) => member,
    ),
  );
  const taken = [...members].map((member) => `${member}: ${name}_${member.replace(/\W/g, "_")}`).join(", ");
  return [`declare const one_${name}: entry.${name};`, `export const { ${taken} } = one_${name};`];
}

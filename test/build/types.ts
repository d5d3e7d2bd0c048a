import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { statementsOf, type Statement } from "./statements.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a declaration file says: its declarations, and of the names that it takes from elsewhere or passes on, from where. */
interface Module {
  file: string;
  declarations: Map<string, Statement>;
  links: Map<string, string>;
}

/** Compiles `src/` as it is now, and hands over the folder of its declarations. */
export function withDeclarations<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-declarations-"));
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [compiler, "-p", root, "--emitDeclarationOnly", "--outDir", folder], { stdio: ["ignore", "inherit", "inherit"] });
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One file of types: what `index` exports, in its order, and below that whatever it names. A reader has all of it in one
 * place, and nothing of what is our own business.
 *
 * @throws when two things would have one name
 */
export function rollUp(index: string): string {
  const modules = new Map<string, Module>();
  const declared = new Map<string, { statement: Statement; module: Module }>();
  const foreign = new Map<string, Set<string>>();
  const read = (file: string): Module => {
    const module = modules.get(file) ?? moduleOf(file);
    modules.set(file, module);
    return module;
  };
  const declare = (module: Module, name: string): void => {
    const from = module.links.get(name);
    if (from?.startsWith(".")) return declare(read(join(dirname(module.file), from.replace(/\.ts$/, ".d.ts"))), name);
    if (from !== undefined) return void foreign.set(from, (foreign.get(from) ?? new Set()).add(name));
    const statement = module.declarations.get(name);
    if (statement === undefined) return;
    if ((declared.get(name)?.statement ?? statement) !== statement) throw new Error(`${module.file}: "${name}" is something else in another file, and both are part of what is exported`);
    declared.set(name, { statement, module });
  };

  const { links: exported } = read(index);
  for (const name of exported.keys()) declare(read(index), name);
  // It grows while it is gone through.
  for (const { statement, module } of declared.values()) {
    for (const [name] of withoutComments(statement.text).matchAll(/\b[A-Za-z]\w*/g)) declare(module, name);
  }
  const imports = [...foreign].map(([from, names]) => `import type { ${[...names].join(", ")} } from "${from}";\n`);
  const declarations = [...declared].map(([name, { statement: { comment, text } }]) => {
    const shown = exported.has(name) ? text : text.replace(/^export /, "");
    return `${comment && `/**${comment}*/\n`}${shown}\n`;
  });
  // Without the last line everything in a file of declarations is exported.
  return `${imports.join("")}${declarations.join("")}export {};\n`;
}

function moduleOf(file: string): Module {
  const module: Module = { file, declarations: new Map(), links: new Map() };
  for (const statement of statementsOf(readFileSync(file, "utf8"))) {
    const [, clause, from] = /^(?:import|export) (?:type )?\{([^}]*)\}(?: from "([^"]+)")?;$/.exec(statement.text) ?? [];
    const [, name] = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|function|const|type) (\w+)/.exec(statement.text) ?? [];
    if (name !== undefined) module.declarations.set(name, statement);
    else if (clause === undefined) throw new Error(`${file}: not understood: ${statement.text}`);
    else if (from !== undefined) for (const [link] of clause.replace(/\btype /g, "").matchAll(/\w+( as \w+)?/g)) module.links.set(link, from);
  }
  return module;
}

/** A comment may speak of anything. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "");
}

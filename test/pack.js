// Before `npm pack`: removes the declarations that no entry point leads a compiler to. The code next to them is all shipped, to be read.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const reached = new Set(Object.values(exports).flatMap(({ types }) => (types ? [join(root, types)] : [])));
// It grows while it is gone through.
for (const file of reached)
  for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:\bfrom |\bimport\()"(\.[^"]+)\.ts"/g))
    reached.add(join(dirname(file), `${path}.d.ts`));
for (const name of readdirSync(join(root, "dist"), { recursive: true })) {
  const file = join(root, "dist", name);
  if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(file);
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apiSection } from "./api.ts";
import { emitDeclarations, exportsOf } from "./declarations.ts";
import { namesSection } from "./names.ts";

/** Where a section that is made from the code stands in the README. */
const marked = /(<!-- (API|Names): made by npm run api-docs -->\n)[\s\S]*?(\n<!-- end -->)/g;

/** The README with the sections that are made from the code as the code is now. */
export async function withSections(readme: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "spec-kitty-declarations-"));
  try {
    emitDeclarations(folder);
    const answers = exportsOf(join(folder, "cli", "answers.d.ts"));
    const isAnswer = new Set(answers.map(({ name }) => name));
    const made: Record<string, string> = {
      API: apiSection(exportsOf(join(folder, "index.d.ts")).filter(({ name }) => !isAnswer.has(name))),
      Names: await namesSection(answers, fileURLToPath(new URL("../../src", import.meta.url))),
    };
    return readme.replace(marked, (_, start: string, name: string, end: string) => `${start}\n${made[name]}\n${end}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

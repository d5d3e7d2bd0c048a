import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollUp, withDeclarations } from "../build/types.ts";
import { apiSection } from "./api.ts";
import { exportsOf } from "./declarations.ts";
import { namesSection } from "./names.ts";

/** Where a section that is made from the code stands in the README. */
const marked = /(<!-- (API|Names): made by npm run api-docs -->\n)[\s\S]*?(\n<!-- end -->)/g;

/** The README with the sections that are made from the code as the code is now. */
export async function withSections(readme: string): Promise<string> {
  const { api, answers } = withDeclarations((folder) => ({
    api: exportsOf(rollUp(join(folder, "index.d.ts"))),
    answers: exportsOf(readFileSync(join(folder, "cli", "json-output.d.ts"), "utf8")),
  }));
  const isAnswer = new Set(answers.map(({ name }) => name));
  const made: Record<string, string> = {
    API: apiSection(api.filter(({ name }) => !isAnswer.has(name))),
    Names: await namesSection(answers, fileURLToPath(new URL("../../src", import.meta.url))),
  };
  return readme.replace(marked, (_, start: string, name: string, end: string) => `${start}\n${made[name]}\n${end}`);
}

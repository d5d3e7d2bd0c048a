// `npm run requirements`: every requirement with the tests whose titles begin with its number. Fails when one has none.
import { filesIn, textOf } from "./helpers/import-graph.ts";

const requirements = [...textOf("test/REQUIREMENTS.md").matchAll(/^\| ([A-Z]+-\d{3}) \| (.*) \|$/gm)];
const titles = filesIn("test", /\.(test|peer)\.ts$/).flatMap((path) =>
  [...textOf(path).matchAll(/\b(?:test|it)\(\s*(["'`])((?:[A-Z]+-\d{3}[, ]+)+)(.*?)\1/g)].map(
    ([, , numbers = "", title = ""]) => ({
      numbers: numbers.match(/[A-Z]+-\d{3}/g) ?? [],
      line: `${title} (${path})`,
    }),
  ),
);

for (const [, number = "", sentence = ""] of requirements) {
  const found = titles.filter(({ numbers }) => (numbers as readonly string[]).includes(number));
  if (found.length === 0) process.exitCode = 1;
  process.stdout.write(
    `${number} ${sentence}\n${found.length === 0 ? "  NONE\n" : found.map(({ line }) => `  ${line}\n`).join("")}`,
  );
}

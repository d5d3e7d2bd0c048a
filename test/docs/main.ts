// `npm run api-docs`: brings the sections of the README that are made from the code up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { withSections } from "./sections.ts";

const readme = new URL("../../README.md", import.meta.url);
writeFileSync(readme, await withSections(readFileSync(readme, "utf8")));

// `npm run api-docs`: writes src/API.md from what is built, and the topics of the help that the README shows.
import { readFileSync, writeFileSync } from "node:fs";
import { apiReference } from "./api.ts";
import { withTopics } from "./topics.ts";

const readme = new URL("../../README.md", import.meta.url);
writeFileSync(new URL("../../src/API.md", import.meta.url), await apiReference());
writeFileSync(readme, await withTopics(readFileSync(readme, "utf8")));

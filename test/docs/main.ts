// `npm run api-docs`: writes src/API.md, from what is built.
import { writeFileSync } from "node:fs";
import { apiReference } from "./api.ts";

writeFileSync(new URL("../../src/API.md", import.meta.url), await apiReference());

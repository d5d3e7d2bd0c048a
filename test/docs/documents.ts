import { apiReference } from "./api.ts";
import { withImportGraph } from "./import-chart.ts";
import { textOf } from "../helpers/import-graph.ts";

/** The documents that are made from the code, in whole or in part, by their paths from the root: as they should be now. */
export async function documents(): Promise<Map<string, string>> {
  return new Map([
    ["src/README.md", withImportGraph(textOf("src/README.md"))],
    ["src/API.md", await apiReference()],
  ]);
}

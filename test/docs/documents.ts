import { apiPages } from "./api.ts";
import { importGraphChart } from "./import-chart.ts";
import { withPart } from "./markdown.ts";
import { textOf } from "../helpers/import-graph.ts";

/** The documents that are made from the code, in whole or in part, by their paths from the root: as they should be now. */
export async function documents(): Promise<Map<string, string>> {
  const chart = `\`\`\`mermaid\n${importGraphChart()}\n\`\`\``;
  return new Map([["src/README.md", withPart(textOf("src/README.md"), "imports", chart)], ...(await apiPages())]);
}

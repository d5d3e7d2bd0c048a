import assert from "node:assert/strict";
import { test } from "node:test";
import { nextLink } from "../../../src/cli/api/next-page.ts";

const base = "https://service.example/api/things?page=1";

for (const [header, next] of [
  [null, undefined],
  ["", undefined],
  ['<https://service.example/a>; rel="next"', "https://service.example/a"],
  ["</a>;rel=next", "https://service.example/a"],
  ['<?page=2> ; REL = "Next"', "https://service.example/api/things?page=2"],
  ['</p>; rel="prev", </n>; rel="next"', "https://service.example/n"],
  ['</a,b;c>; rel="last next"', "https://service.example/a,b;c"],
  ['</n>; title="x; rel=\\"prev\\", </evil>; rel=next"; rel="next"', "https://service.example/n"],
  ['</n>; title="rel=next"', undefined],
  ['</n>; rel="nextish"', undefined],
  ["</n>; rel*=next", undefined],
  ["<https://[>; rel=next", undefined],
  ["nonsense", undefined],
  [`${"<".repeat(50_000)}`, undefined],
  [`</n>${"; a=b".repeat(20_000)}`, undefined],
] as const) {
  test(`the next page of ${String(header).slice(0, 60)} is ${next ?? "none"}`, () =>
    assert.equal(nextLink(header, base), next));
}

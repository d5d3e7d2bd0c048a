import { topicTable } from "../../src/cli/command-table.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { page } from "../../src/base/text.ts";

const marked = /(<!-- ([\w-]+): what the command prints [^\n]*-->\n)[\s\S]*?(<!-- end -->)/g;

/** A document with the topics of the help that it shows, as the command prints them now. */
export async function withTopics(document: string): Promise<string> {
  const texts = new Map<string, string>();
  for (const { name, load } of topicTable) texts.set(name, page((await load())(ownIdentity), 80));
  return document.replace(
    marked,
    (_, start: string, name: string, end: string) => `${start}\n${texts.get(name)}\n\n${end}`,
  );
}

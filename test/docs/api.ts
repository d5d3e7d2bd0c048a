import type { Declaration, Doc, Member } from "./declarations.ts";

/** The section "API": an entry for everything that it is given. */
export function apiSection(declarations: readonly Declaration[]): string {
  const kinds: [title: string, kinds: readonly string[]][] = [
    ["Functions", ["function", "const"]],
    ["Classes", ["class"]],
    ["Types", ["interface", "type"]],
  ];
  return kinds
    .map(([title, of]) => `${title}:\n\n${declarations.filter(({ kind }) => of.includes(kind)).map(entry).join("\n")}`)
    .join("\n\n");
}

function entry({ kind, name, signature, doc, members }: Declaration): string {
  const shown = kind === "class" || kind === "interface" ? `${kind} ${signature}` : signature;
  const isTold = ({ doc: { summary } }: Member): boolean => summary !== "";
  const told = members.filter(isTold).map(({ signature: text, doc: about }) => `\n  - ${code(constructed(text, name))}${said(about)}`);
  const rest = members.filter((member) => !isTold(member)).map(({ signature: text }) => code(constructed(text, name)));
  return `- **${code(shown)}**${said(doc)}${told.join("")}${rest.length === 0 ? "" : `\n  - ${rest.join(", ")}`}`;
}

function constructed(signature: string, name: string): string {
  return signature.replace(/^constructor\(/, `new ${name}(`);
}

function said({ summary, params, returns, throws }: Doc): string {
  const parts = [
    summary,
    ...params.map(({ name, text }) => `\`${name}\`: ${text}`),
    ...(returns === undefined ? [] : [`Returns ${returns}`]),
    ...(throws === undefined ? [] : [`Throws ${throws}`]),
  ];
  return parts.filter(Boolean).map((part) => ` ${/[.!?]$/.test(part) ? part : `${part}.`}`).join("");
}

/** Code in Markdown; a type may hold a backtick, in a template. */
function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

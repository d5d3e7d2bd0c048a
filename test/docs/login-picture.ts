import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startFakeSaas } from "../fake-saas/server.ts";
import { bin, commandEnvironment, scratchFolder } from "../helpers/command.ts";
import { startOnScreen } from "../helpers/tmux.ts";

const columns = 92;
const commands = ["spec-kitty auth login", `spec-kitty api GET /api/v1/me | cut -c 1-${columns}`, "spec-kitty auth list"];

/** Types the commands into a shell on a real terminal, against the fake service, and returns the screen's lines with their colours. */
export async function recordLogin(t: Pick<TestContext, "after">): Promise<string[]> {
  const saas = await startFakeSaas({ accessTokenSeconds: 3600 });
  t.after(() => saas.close());
  const folder = scratchFolder(t);
  const program = join(folder, "spec-kitty");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  chmodSync(program, 0o755);
  const environment = commandEnvironment(folder, saas.url);
  const env = { ...environment, PATH: `${folder}:${environment["PATH"]}`, PS1: "\\n\\[\\e[2m\\]$\\[\\e[0m\\] " };
  const screen = await startOnScreen(t, ["bash", "--norc", "--noprofile", "-i"], env, { columns });
  for (const [index, command] of [...commands, ""].entries()) {
    // So many commands with what they said, and a prompt that waits.
    await screen.shows(new RegExp(`^(?:\\$ [^]*\\n){${index}}\\$\\n*(?![^])`, "m"));
    if (command !== "") await screen.press(command, "Enter");
  }
  const lines = await screen.colored();
  // Before the first prompt and above the last one is a blank line.
  return lines.slice(1, lines.findLastIndex((line) => textOf(line).startsWith("$")) - 1);
}

/** A line of the screen without its colours. */
export function textOf(line: string): string {
  return line.replace(/\u001b\[[\d;]*m/g, "");
}

const fontSize = 13;
const charWidth = 7.8;
const lineHeight = 18;
const margin = 16;

/**
 * Draws a terminal's screen as text, one element a row. The rows' lengths are given, so that no viewer's font breaks the picture.
 *
 * @param title - for those who do not see it
 */
export function drawScreen(lines: readonly string[], title: string): string {
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin;
  const rows = lines.flatMap((line, index) => {
    const length = textOf(line).length;
    if (length === 0) return [];
    return [`<text x="${margin}" y="${margin + index * lineHeight + fontSize}" textLength="${round(length * charWidth)}">${colored(line)}</text>`];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" xml:space="preserve">
<title>${escaped(title)}</title>
<style>
  rect { fill: #16181d }
  text { fill: #d5d9e0; font: ${fontSize}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
  .green { fill: #6cc98a }
  .dim { fill: #858c99 }
</style>
<rect width="${width}" height="${height}" rx="8"/>
${rows.join("\n")}
</svg>
`;
}

/** The text of a row, what is coloured in elements of its own. */
function colored(line: string): string {
  const classes: Readonly<Record<string, string>> = { 2: "dim", 32: "green" };
  let name: string | undefined;
  return line
    .split(/(\u001b\[[\d;]*m)/)
    .map((part) => {
      const [, codes] = /^\u001b\[([\d;]*)m$/.exec(part) ?? [];
      if (codes === undefined) return part === "" || name === undefined ? escaped(part) : `<tspan class="${name}">${escaped(part)}</tspan>`;
      name = classes[codes.split(";").at(-1) ?? ""];
      return "";
    })
    .join("");
}

/** The rows of a picture that {@link drawScreen} has drawn, as text. */
export function rowsOf(svg: string): string[] {
  const rows: string[] = [];
  for (const [, y, text = ""] of svg.matchAll(/<text x="\d+" y="(\d+)"[^>]*>(.*)<\/text>/g)) {
    rows[(Number(y) - margin - fontSize) / lineHeight] = text.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&amp;", "&");
  }
  return Array.from(rows, (row) => row ?? "");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

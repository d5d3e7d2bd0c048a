import { createHash } from "node:crypto";
import { hint, login } from "../../base/errors.ts";
import { hintText } from "../../base/hint.ts";
import type { Identity } from "../../base/identity.ts";

/** Texts may come from the server, unescaped. */
export type CallbackOutcome =
  /** `account`: such as `alice@example.com (Acme Corp)`. */
  | { kind: "success"; account: string }
  /** `said`: the server's words. */
  | { kind: "denied"; said?: string | undefined }
  /** `said`: the server's words; `reason`: ours. */
  | { kind: "failed"; said?: string | undefined; reason?: string | undefined }
  | { kind: "expired" };

type CallbackPage = CallbackOutcome | { kind: "wrong-state" } | { kind: "already-used" } | { kind: "opened-before" };

export interface PageOwner {
  readonly identity: Identity;
  readonly issuer: string;
}

export interface RenderedPage {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const style = `
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--text:#1c2230;--soft:#5a6375;--line:#dfe3ea;--good:#137a3e;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--back:#12151b;--card:#1b2029;--text:#e8ebf1;--soft:#a3adbf;--line:#303846;--good:#5cd08a;--bad:#ff8a80}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--back);color:var(--text);font:1rem/1.6 system-ui,sans-serif}
main{box-sizing:border-box;width:min(30rem,calc(100% - 2rem));margin:1rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--bad);border-radius:8px}
main.good{border-top-color:var(--good)}
header{display:flex;align-items:center;gap:.75rem;margin-bottom:1.25rem;color:var(--soft)}
header b{color:var(--text)}
svg{flex:none;width:2.5rem;height:2.5rem;fill:none;stroke:var(--bad);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.good svg{stroke:var(--good)}
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.3}
p,blockquote{margin:.5rem 0;overflow-wrap:anywhere}
p.soft{color:var(--soft)}
blockquote{padding-left:.75rem;border-left:3px solid var(--line)}
code{display:inline-block;padding:.1rem .35rem;background:var(--back);border:1px solid var(--line);border-radius:4px;font:.95em ui-monospace,monospace}
`;

// Only the hashed style: text past the escaping could not run, load anything, send a form, or be framed for a click.
const policy =
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Nothing is stored, sniffed, or passed on to another site. */
const commonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const marks = { good: "M7 12.5l3.5 3.5L17 9", bad: "M8 8l8 8M16 8l-8 8", note: "M12 7v6M12 16.5v.1" } as const;

/**
 * Self-contained, without script. Names its tool, since the user may have several logins open, and sets quotes of the
 * server apart.
 */
export function callbackPage(page: CallbackPage, owner: PageOwner): RenderedPage {
  const { status, mark, title, lines } = wording(page, owner);
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`${title} - ${owner.identity.name}`)}</title>
<style>${style}</style>
</head>
<body>
<main${mark === "good" ? ' class="good"' : ""}>
<header><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/><path d="${marks[mark]}"/></svg><span><b>${escaped(owner.identity.name)}</b> at ${escaped(owner.issuer)}</span></header>
<h1>${title}</h1>
${lines.map(paragraph).join("\n")}
</main>
</body>
</html>
`;
  return { status, headers: { ...commonHeaders, "content-type": "text/html; charset=utf-8" }, body };
}

/** Our words, with an optional command; or the server's. */
type Line = string | { readonly text: string; readonly command: string } | { readonly quoted: string };

function paragraph(line: Line, index: number): string {
  const tag = `<p${index === 0 ? "" : ' class="soft"'}>`;
  if (typeof line === "string") return `${tag}${escaped(line)}</p>`;
  if ("quoted" in line) return `<blockquote>“${escaped(line.quoted)}”</blockquote>`;
  return `${tag}${escaped(line.text)} <code>${escaped(line.command)}</code></p>`;
}

/** The browser follows with GET (RFC 9110 §15.4.4). */
export function redirection(path: string): RenderedPage {
  return { status: 303, headers: { ...commonHeaders, location: path }, body: "" };
}

/** For anything but a browser on its way back from a login. */
export function refusal(status: number, why: string, headers: Readonly<Record<string, string>> = {}): RenderedPage {
  return {
    status,
    headers: { ...commonHeaders, "content-type": "text/plain; charset=utf-8", ...headers },
    body: `${why}\n`,
  };
}

function wording(
  page: CallbackPage,
  { identity, issuer }: PageOwner,
): { status: number; mark: keyof typeof marks; title: string; lines: Line[] } {
  const tryAgain: Line = {
    text: "Return to the terminal. To try again, run:",
    command: hintText(hint`${login()}`, { identity }),
  };
  const reason = (said: string | undefined, otherwise: string): Line[] =>
    said?.trim() ? [`The response from ${issuer}:`, { quoted: said.trim() }] : [otherwise];
  switch (page.kind) {
    case "success":
      return {
        status: 200,
        mark: "good",
        title: "You are logged in",
        lines: [`Logged in as ${page.account}.`, "You can close this window and return to the terminal."],
      };
    case "denied":
      return {
        status: 403,
        mark: "bad",
        title: "Access was denied",
        lines: [...reason(page.said, "Nothing has changed."), tryAgain],
      };
    case "failed":
      return {
        status: 500,
        mark: "bad",
        title: "The login failed",
        lines: [
          ...reason(page.said, page.reason === undefined ? "The terminal shows why." : `Reason: ${page.reason}`),
          tryAgain,
        ],
      };
    case "expired":
      return {
        status: 410,
        mark: "bad",
        title: "This login has timed out",
        lines: ["The terminal no longer waits for it. Nothing has changed.", tryAgain],
      };
    case "wrong-state":
      return {
        status: 400,
        mark: "note",
        title: "This is not the login in progress",
        lines: [
          "The URL of this page belongs to another login: the terminal ignores it. The login is still waiting.",
          "If you started several logins, use the window opened last.",
        ],
      };
    case "opened-before":
      return {
        status: 409,
        mark: "note",
        title: "This URL was opened before",
        lines: [
          "It works once, so no one else can use it.",
          "Continue in the first window, or open the URL shown in the terminal.",
        ],
      };
    case "already-used":
      return {
        status: 409,
        mark: "note",
        title: "This URL was already used",
        lines: [
          "The terminal has received the response. Opening the URL again changes nothing.",
          "You can close this window.",
        ],
      };
  }
}

/**
 * Removes control and format characters, which could invisibly reverse a name (bidirectional override) or split it. The
 * server chooses the length.
 */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return [...text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "")]
    .slice(0, 500)
    .map((character) => entities[character] ?? character)
    .join("");
}

import { createHash } from "node:crypto";
import { hint, login, hintText } from "../../base/hint.ts";
import type { Identity } from "../../base/identity.ts";

/** How a login ended, as its browser tab shows it. Text in it may come from the server, unescaped. */
export type CallbackOutcome =
  /** `account`: such as `alice@example.com (Acme Corp)`. */
  | { kind: "success"; account: string }
  /** The user or the server said no; `reason`: the server's `error_description`. */
  | { kind: "denied"; reason?: string | undefined }
  /** The redirect arrived but the login failed; `reason`: why, in a sentence. */
  | { kind: "failed"; reason?: string | undefined }
  /** No redirect arrived in time. */
  | { kind: "expired" };

/** What a request to the callback port can be shown: an outcome, or that it played no part in one. */
type CallbackPage = CallbackOutcome | { kind: "wrong-state" } | { kind: "already-used" } | { kind: "other-browser" };

/** A complete response to a browser. */
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
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.3}
p{margin:.5rem 0;overflow-wrap:anywhere}
p.soft{color:var(--soft)}
`;

// The style is allowed by its hash and nothing else is allowed at all: text that got past the escaping still could not run,
// load anything, send a form, or be framed by a page that wants a click.
const policy =
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** No response of the callback port is stored, sniffed, or passed on to another site. */
const commonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * The page for a browser tab: self-contained, without script, readable in light and dark.
 *
 * @param page - what it shows
 * @param identity - the tool that logs in, for the command that tries again
 */
export function callbackPage(page: CallbackPage, identity: Identity): RenderedPage {
  const tryAgain = hintText(hint`Return to the terminal. To try again, run: ${login()}`, { identity });
  const { status, title, lines } = wording(page, tryAgain);
  const paragraphs = lines.map((line, index) => `<p${index === 0 ? "" : ' class="soft"'}>${escaped(line)}</p>`);
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main${page.kind === "success" ? ' class="good"' : ""}>
<h1>${title}</h1>
${paragraphs.join("\n")}
</main>
</body>
</html>
`;
  return { status, headers: { ...commonHeaders, "content-type": "text/html; charset=utf-8" }, body };
}

/**
 * A redirect that the browser follows with GET (RFC 9110 §15.4.4).
 *
 * @param path - where to: a path on the callback port, or the address of the service
 * @param headers - more of them, such as `set-cookie`
 */
export function redirection(path: string, headers: Readonly<Record<string, string>> = {}): RenderedPage {
  return { status: 303, headers: { ...commonHeaders, ...headers, location: path }, body: "" };
}

/**
 * A refusal, for anything but a browser on its way back from a login.
 *
 * @param status - HTTP status
 * @param why - our own words
 * @param headers - what the status requires, such as `allow`
 */
export function refusal(status: number, why: string, headers: Readonly<Record<string, string>> = {}): RenderedPage {
  return { status, headers: { ...commonHeaders, "content-type": "text/plain; charset=utf-8", ...headers }, body: `${why}\n` };
}

function wording(page: CallbackPage, tryAgain: string): { status: number; title: string; lines: string[] } {
  switch (page.kind) {
    case "success":
      return {
        status: 200,
        title: "You are logged in",
        lines: [`Logged in as ${page.account}.`, "You can close this window and return to the terminal."],
      };
    case "denied":
      return { status: 403, title: "Access was denied", lines: [reasonOr(page.reason, "Nothing was changed."), tryAgain] };
    case "failed":
      return {
        status: 500,
        title: "The login failed",
        lines: [reasonOr(page.reason, "The terminal shows why."), tryAgain],
      };
    case "expired":
      return {
        status: 410,
        title: "This login has expired",
        lines: ["The terminal stopped waiting before this page was reached. Nothing was changed.", tryAgain],
      };
    case "wrong-state":
      return {
        status: 400,
        title: "This is not the login we started",
        lines: [
          "The address of this page does not belong to the login in progress, so it was ignored. That login is still waiting.",
          "If you started more than one, use the window that was opened last.",
        ],
      };
    case "other-browser":
      return {
        status: 403,
        title: "This login belongs to another browser",
        lines: [
          "The login was started in another browser or window of this machine, and only that one can complete it. It is still waiting.",
          "Continue in that window, or press Ctrl-C in the terminal and log in again.",
        ],
      };
    case "already-used":
      return {
        status: 409,
        title: "This address was already used",
        lines: ["The terminal has received the answer. Opening the address again changes nothing.", "You can close this window."],
      };
  }
}

function reasonOr(reason: string | undefined, otherwise: string): string {
  return reason === undefined || reason.trim() === "" ? otherwise : `The reason given: ${reason}`;
}

/**
 * Text for HTML. Control and format characters are removed first: invisible there, they could reverse a name (bidirectional
 * override) or split it. The length is bounded, since the server chooses the text.
 */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return [...text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "")]
    .slice(0, 500)
    .map((character) => entities[character] ?? character)
    .join("");
}

import { createHash } from "node:crypto";

/** How a login ended, as its browser tab tells it. Text in it may be the server's, raw. */
export type CallbackOutcome =
  /** `who`: the account, such as `alice@example.com (Acme Corp)`. */
  | { kind: "success"; who: string }
  /** The user or the server said no; `reason`: the server's `error_description`. */
  | { kind: "denied"; reason?: string | undefined }
  /** The answer came but the login did not succeed; `reason`: why, in a sentence. */
  | { kind: "failed"; reason?: string | undefined }
  /** Nobody answered in time. */
  | { kind: "expired" };

/** What a request to the callback port can be shown: an outcome, or that it had no part in one. */
type CallbackPage = CallbackOutcome | { kind: "wrong-state" } | { kind: "already-used" };

/** A complete answer to a browser. */
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

// The style is allowed by its hash and nothing else is allowed at all: text that got past the escaping could still
// neither run, nor load, nor send a form, nor be framed by a page that wants a click.
const policy =
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Nothing that the callback port says is stored, sniffed, or told to another site. */
const commonHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * The page for a browser tab: self-contained, without script, readable in light and dark.
 * @param page - what it tells
 */
export function callbackPage(page: CallbackPage): RenderedPage {
  const { status, title, lines } = wording(page);
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
 * @param path - where to, on the callback port
 */
export function redirection(path: string): RenderedPage {
  return { status: 303, headers: { ...commonHeaders, location: path }, body: "" };
}

/**
 * A refusal for whoever is no browser on its way back from a login.
 * @param status - HTTP status
 * @param why - our own words
 * @param headers - what the status demands, such as `allow`
 */
export function refusal(status: number, why: string, headers: Readonly<Record<string, string>> = {}): RenderedPage {
  return { status, headers: { ...commonHeaders, "content-type": "text/plain; charset=utf-8", ...headers }, body: `${why}
` };
}

const tryAgain = "Return to the terminal. To try again, run: spec-kitty auth login";

function wording(page: CallbackPage): { status: number; title: string; lines: string[] } {
  switch (page.kind) {
    case "success":
      return {
        status: 200,
        title: "You are logged in",
        lines: [`Logged in as ${page.who}.`, "You can close this window and return to the terminal."],
      };
    case "denied":
      return { status: 403, title: "Access was denied", lines: [reasonOr(page.reason, "Nothing was changed."), tryAgain] };
    case "failed":
      return {
        status: 500,
        title: "The login did not succeed",
        lines: [reasonOr(page.reason, "The terminal says why."), tryAgain],
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
          "The address of this page does not belong to the login that is waiting, so it was ignored. That login still waits.",
          "If you started more than one, use the window that was opened last.",
        ],
      };
    case "already-used":
      return {
        status: 409,
        title: "This login was already used",
        lines: ["The terminal has its answer. Opening the address again changes nothing.", "You can close this window."],
      };
  }
}

function reasonOr(reason: string | undefined, otherwise: string): string {
  return reason === undefined || reason.trim() === "" ? otherwise : `The reason given: ${reason}`;
}

/**
 * Text for HTML. Control and format characters go first: invisible there, they could turn a name around (bidirectional
 * override) or break it apart. The length is bounded, since the text is the server's to choose.
 */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return [...text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "")]
    .slice(0, 500)
    .map((character) => entities[character] ?? character)
    .join("");
}

import type { Answer } from "../../src/app/testing/http.ts";
import type { IssuerUser } from "../../src/app/testing/issuer.ts";
import type { UserName } from "./users.ts";

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

/** `title` and `text` are escaped here, `form` is this file's markup. */
export function page(status: number, title: string, text: string, form = ""): Answer {
  return {
    status,
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      // No form-action: browsers apply it to the redirect after the form, which goes to the client's port.
      "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}button{font:inherit;margin:1rem 1rem 0 0}</style>
</head><body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>
${form}</body></html>
`,
  };
}

/** `request` names the pending authorization and prevents forgery. */
export function consentPage(
  action: string,
  request: string,
  scope: string,
  users: Record<UserName, IssuerUser>,
): Answer {
  return page(
    200,
    "Allow access?",
    `spec-kitty asks for: ${scope}`,
    `<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="request" value="${escapeHtml(request)}">
${accountChoice(users)}
${BUTTONS}
</form>`,
  );
}

/** Filled in if the URL has the code. */
export function devicePage(action: string, userCode: string, users: Record<UserName, IssuerUser>): Answer {
  return page(
    200,
    "Connect a device",
    "Enter the code that your device shows.",
    `<form method="post" action="${escapeHtml(action)}">
<label>Code <input name="user_code" value="${escapeHtml(userCode)}" autocomplete="off" required></label><br>
${accountChoice(users)}
${BUTTONS}
</form>`,
  );
}

const BUTTONS = `<button id="approve" name="decision" value="approve">Approve</button>
<button id="deny" name="decision" value="deny">Deny</button>`;

function accountChoice(users: Record<UserName, IssuerUser>): string {
  const options = Object.entries(users).map(
    ([name, user]) => `<option value="${escapeHtml(name)}">${escapeHtml(user.name ?? name)}</option>`,
  );
  return `<label>Account <select name="user">${options.join("")}</select></label><br>`;
}

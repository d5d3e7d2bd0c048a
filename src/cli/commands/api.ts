import { hint } from "../../base/hint.ts";
import { targetOf } from "../../http/token-target.ts";
import { unreachable } from "../../http/request.ts";
import { defineCommand, profileOption, usageError, type Command } from "../command.ts";
import { readInputBytes } from "../input.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export const api: Command = defineCommand({
  usage: "api METHOD PATH",
  description: "Send an authenticated request to the service and print the body of the response. Exits 0 for a status below 400, and 1 otherwise.",
  options: {
    data: { type: "string", short: "d", value: "JSON", help: "body of the request: JSON, @FILE, or - for standard input" },
    header: { type: "string", short: "H", value: "'K: V'", help: "further header; may be repeated", multiple: true },
    include: { type: "boolean", short: "i", help: "print status and headers before the body" },
    ...profileOption,
  },
  arguments: [2, 2],
  examples: [
    ["api GET /api/v1/me", "show who is logged in"],
    [`api POST /api/v1/echo -d '{"hello":"world"}'`, "send JSON"],
  ],
  async run({ app, out, signal }, values, [method = "", path = ""]) {
    if (!methods.includes(method.toUpperCase())) {
      throw usageError(`"${method}" is not an HTTP method`, hint`One of ${methods.join(", ")}. Usage: ${{ command: "api METHOD PATH" }}`);
    }
    const body = values.data === undefined ? undefined : await readInputBytes("data", values.data, signal);
    if (body !== undefined && /^(GET|HEAD)$/i.test(method)) throw usageError(`${method} takes no body`, hint`Try: ${{ command: "api POST PATH -d …" }}`);
    const headers = new Headers({ accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }) });
    for (const line of values.header ?? []) {
      const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/s.exec(line) ?? [];
      if (name === undefined || value === undefined) throw usageError(`"${line}" is not a header`, "Try: -H 'X-Request: 1'");
      // The token has one source; a second header would send another account's token, or none.
      if (/^(authorization|dpop)$/i.test(name)) {
        throw usageError(`the header "${name}" is set by the command itself`, hint`To send another token: ${{ variable: "ACCESS_TOKEN", value: "…" }}`);
      }
      // The runtime would refuse the request, which would look like a network failure.
      if (/^(content-length|expect|keep-alive|transfer-encoding|upgrade)$/i.test(name)) {
        throw usageError(`the header "${name}" cannot be chosen: it is about the connection`, "Leave it out");
      }
      try {
        headers.append(name, value);
      } catch {
        // The value is neither quoted nor the cause: it may be a key.
        throw usageError(`the value of the header "${name}" cannot be sent`, "Use a single line of Latin-1 characters");
      }
    }
    const service = await app.tokens().service();
    // It would be sent without the token, and the response would be taken for the service's.
    if (!targetOf(path, service).isService) throw usageError(`"${path}" is not on the service`, `Give a path on ${service}, such as /api/v1/me`);
    const response = await app.authorizedFetch(path, { method: method.toUpperCase(), headers, signal, timeoutMs: 60_000, ...(body !== undefined && { body }) });
    if (values.include) {
      out.answer(`HTTP ${response.status} ${response.statusText}`.trim());
      for (const [name, value] of response.headers) out.answer(`${name}: ${value}`);
      out.answer("");
    }
    // Bytes, since an export or an image is a response too; and one that breaks off is a network failure.
    const content = await response.arrayBuffer().catch((cause: unknown) => {
      throw unreachable(response.url, cause, signal);
    });
    if (content.byteLength > 0) out.relay(new Uint8Array(content));
    if (response.status < 400) return 0;
    out.say(`HTTP ${response.status} ${response.statusText}`.trim());
    return 1;
  },
});

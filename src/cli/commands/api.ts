import { targetOf } from "../../http/address.ts";
import { unreachable } from "../../http/request.ts";
import { defineCommand, profileOption, type Command } from "../command.ts";
import { readInputBytes } from "../input.ts";
import { usageError } from "../usage.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export const api: Command = defineCommand({
  usage: "api METHOD PATH",
  description: "Send an authenticated request to the service and print the body of the answer. Exits 0 for an answer below\n400, 1 for any other.",
  options: {
    data: { type: "string", short: "d", value: "JSON", help: "the body: JSON, @FILE, or - for standard input" },
    header: { type: "string", short: "H", value: "'K: V'", help: "one more header; may be given again", multiple: true },
    include: { type: "boolean", short: "i", help: "print status and headers before the body" },
    ...profileOption,
  },
  arguments: [2, 2],
  examples: [
    ["spec-kitty api GET /api/v1/me", "who am I"],
    [`spec-kitty api POST /api/v1/echo -d '{"hello":"world"}'`, "send JSON"],
  ],
  async run({ app, out, signal }, values, [method = "", path = ""]) {
    if (!methods.includes(method.toUpperCase())) throw usageError(`"${method}" is not a method of HTTP`, `One of ${methods.join(", ")}. Usage: spec-kitty api METHOD PATH`);
    const body = values.data === undefined ? undefined : await readInputBytes("data", values.data, signal);
    if (body !== undefined && /^(GET|HEAD)$/i.test(method)) throw usageError(`${method} takes no body`, "Try: spec-kitty api POST PATH -d …");
    const headers = new Headers({ accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }) });
    for (const line of values.header ?? []) {
      const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/s.exec(line) ?? [];
      if (name === undefined || value === undefined) throw usageError(`"${line}" is not a header`, "Try: -H 'X-Request: 1'");
      // The token has one source; a second header would send another account's, or none.
      if (/^(authorization|dpop)$/i.test(name)) throw usageError(`the header "${name}" is set by the command itself`, "To send another token: export SPEC_KITTY_ACCESS_TOKEN=…");
      // The runtime would refuse the request, which looks like a network that is down.
      if (/^(content-length|expect|keep-alive|transfer-encoding|upgrade)$/i.test(name)) throw usageError(`the header "${name}" is not one to choose: how a body travels is settled with the service`, "Leave it out");
      try {
        headers.append(name, value);
      } catch {
        // Without a cause, and not quoted: it may be a key.
        throw usageError(`the value of the header "${name}" cannot be sent`, "A header takes one line, of letters that Latin-1 has");
      }
    }
    const service = await app.tokens().service();
    // It would be sent without the token, and what comes back would be taken for the service's answer.
    if (!targetOf(path, service).isService) throw usageError(`"${path}" is not on the service`, `Give a path on ${service}, such as /api/v1/me`);
    const response = await app.authorizedFetch(path, { method: method.toUpperCase(), headers, signal, timeoutMs: 60_000, ...(body !== undefined && { body }) });
    if (values.include) {
      out.answer(`HTTP ${response.status} ${response.statusText}`.trim());
      for (const [name, value] of response.headers) out.answer(`${name}: ${value}`);
      out.answer("");
    }
    // Bytes, since an export or an image is none the less an answer; and one that breaks off is the network's fault.
    const content = await response.arrayBuffer().catch((cause: unknown) => {
      throw unreachable(response.url, cause, signal);
    });
    if (content.byteLength > 0) out.relay(new Uint8Array(content));
    if (response.status < 400) return 0;
    out.say(`HTTP ${response.status} ${response.statusText}`.trim());
    return 1;
  },
});

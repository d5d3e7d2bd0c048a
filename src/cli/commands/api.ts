import { isUtf8 } from "node:buffer";
import { hint } from "../../base/errors.ts";
import { targetOf } from "../../http/token-target.ts";
import { showAnswer } from "../api/answer.ts";
import { objectOf, readFields, type Field } from "../api/fields.ts";
import { invalidNext, nextPage } from "../api/next-page.ts";
import { defineCommand, profileOption, usageError, type Command, type Context } from "../command.ts";
import { openNamedFile, readInput } from "../input.ts";

const methods: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export const command: Command = defineCommand({
  usage: "api [METHOD] PATH",
  description:
    "Send an authenticated request to the service, and print the response's body. METHOD defaults to GET, or to POST with data. " +
    "Exit with code 1 if the status is 400 or higher.",
  options: {
    field: { short: "f", value: "NAME=TEXT", help: "field of the JSON body or the query; repeatable", multiple: true },
    "json-field": {
      short: "F",
      value: "NAME=JSON|@FILE",
      help: "field with a JSON value, or a file; repeatable",
      multiple: true,
    },
    data: { short: "d", value: "DATA", help: "request body: text, @FILE, or @- for stdin" },
    input: { value: "FILE", choices: "files", help: "request body: FILE, or - for stdin" },
    header: { short: "H", value: "'K: V'", help: "request header; repeatable", multiple: true },
    include: { short: "i", help: "print status and headers, too" },
    output: { short: "o", value: "FILE", choices: "files", help: "write the body to FILE, unless the request fails" },
    paginate: { help: "get all pages (Link: rel=next)" },
    silent: { help: "do not print the body" },
    ...profileOption,
  },
  choices: methods,
  examples: [
    ["api /api/v1/me"],
    ['api /api/v1/echo -f hello=world -F \'tags=["a","b"]\''],
    [`api PUT /api/v1/echo -d '{"hello":"world"}'`],
    ["api /api/v1/me --silent --include"],
  ],
  async run(context, values, words) {
    const { out, signal } = context;
    const [only = "", second] = words;
    if (second === undefined && methods.includes(only))
      throw usageError("missing argument: PATH", hint`Usage: ${{ command: "api [METHOD] PATH" }}`);
    const fields = await readFields(values.field ?? [], values["json-field"] ?? [], context);
    const given = await bodyOf(values, context);
    const [path = "", word = fields.length > 0 || given !== undefined ? "POST" : "GET"] = words.toReversed();
    const method = word.toUpperCase();
    if (!methods.includes(method))
      throw usageError(
        `"${word}" is not an HTTP method`,
        hint`Use one of: ${methods.join(", ")}. Usage: ${{ command: "api [METHOD] PATH" }}`,
      );
    const takesBody = !/^(GET|HEAD)$/.test(method);
    if (given !== undefined && !takesBody)
      throw usageError(`${method} takes no body`, hint`Try: ${{ command: "api POST PATH -d …" }}`);
    if (given !== undefined && fields.length > 0)
      throw usageError("a body and fields cannot be used together", "Put the fields into the body");
    if (values.paginate && method !== "GET")
      throw usageError(
        `--paginate works with GET only, not with ${method}`,
        hint`Try: ${{ command: "api PATH --paginate" }}`,
      );
    if (values.output !== undefined && values.paginate)
      throw usageError(
        "--output and --paginate cannot be used together",
        hint`Try: ${{ command: "api PATH --paginate > FILE" }}`,
      );
    const body = takesBody && fields.length > 0 ? Buffer.from(JSON.stringify(objectOf(fields))) : given;
    const headers = headersOf(values.header ?? [], body);
    const auth = await context.auth();
    const service = await auth.service();
    let address = takesBody ? path : withQuery(path, fields);
    // It would go without the token, and the response would look like the service's.
    if (!targetOf(address, service).isService)
      throw usageError(`"${address}" is not on the service`, `Use a path on ${service}, such as /api/v1/me`);
    // Before anything irreversible is sent.
    const file =
      values.output === undefined || values.output === "-" ? undefined : await openNamedFile(values.output, "output");
    try {
      for (const seen = new Set<string>(); ; seen.add(address)) {
        const response = await auth.fetch(address, { method, headers, signal, ...(body !== undefined && { body }) });
        await showAnswer(context, response, values, file);
        if (response.status >= 400) {
          out.error(`HTTP ${response.status} ${response.statusText}`.trim());
          if (response.status === 401)
            out.hint(hint`To see whose token that was: ${{ command: "auth status", options: ["--check"] }}`);
          return 1;
        }
        const next = values.paginate ? nextPage(response, targetOf(address, service).url, service) : undefined;
        if (next === undefined) return 0;
        if (seen.has(next)) throw invalidNext(`leads back to "${next}"`);
        address = next;
      }
    } finally {
      await file?.discard();
    }
  },
});

async function bodyOf(
  { data, input }: { data: string | undefined; input: string | undefined },
  context: Context,
): Promise<Buffer | undefined> {
  if (data !== undefined && input !== undefined)
    throw usageError("--data and --input cannot be used together", "Use one of them");
  if (input !== undefined) return readInput("input", `@${input}`, context);
  return data === undefined ? undefined : readInput("data", data, context);
}

function withQuery(path: string, fields: readonly Field[]): string {
  const query = new URLSearchParams(
    fields.map(([name, value]): [string, string] => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  return fields.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

function headersOf(lines: readonly string[], body: Buffer | undefined): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw usageError(`"${line}" is not a header`, "Try: -H 'X-Request: 1'");
    // A second header would send another account's token, or none.
    if (/^(authorization|dpop)$/i.test(name)) {
      throw usageError(
        `the command itself sets the header "${name}"`,
        hint`To send another token: ${{ variable: "ACCESS_TOKEN", value: "…" }}`,
      );
    }
    // The runtime would refuse the request, as if the network had failed.
    if (/^(content-length|expect|keep-alive|transfer-encoding|upgrade)$/i.test(name)) {
      throw usageError(`cannot set the header "${name}": it belongs to the connection`, "Omit it");
    }
    try {
      headers.append(name, value);
    } catch {
      // Neither quoted nor the cause: it may be a key.
      throw usageError(`cannot send the value of the header "${name}"`, "Use a single line of Latin-1 characters");
    }
  }
  if (!headers.has("accept")) headers.set("accept", "application/json");
  if (body !== undefined && !headers.has("content-type")) headers.set("content-type", typeOf(body));
  return headers;
}

/** Guesses the type of a body: services refuse false JSON as malformed. */
function typeOf(body: Buffer): string {
  if (!isUtf8(body)) return "application/octet-stream";
  try {
    JSON.parse(new TextDecoder().decode(body));
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}

import { trackerClientOf } from "../../../app/tracker-client.ts";
import type { CallOptions, Routing, TrackerClient } from "../../../tracker/client.ts";
import { oneLine } from "../../../base/text.ts";
import type { JsonObject } from "../../../http/json-members.ts";
import {
  commandName,
  defineCommand,
  jsonOption,
  profileOption,
  usageError,
  type Command,
  type Context,
  type OptionSpec,
  type OptionValues,
} from "../../command.ts";
import { columns } from "../../format.ts";
import { readJsonArray, readJsonObject } from "../../input.ts";
import type { Output } from "../../output.ts";

const routingOptions = {
  provider: { value: "NAME", help: "tracker, such as github; required" },
  binding: { value: "REF", help: "binding reference" },
  project: { value: "SLUG", help: "project, such as my-project" },
} satisfies Record<string, OptionSpec>;

const callOptions = {
  limit: { range: [1, 1000], value: "N", help: "maximum number of items" },
  cursor: { value: "CURSOR", help: "cursor of the previous page" },
  filters: { value: "JSON", help: "JSON, @FILE, or @- for stdin" },
  items: { short: "d", value: "JSON", help: "JSON array, @FILE, or @- for stdin; required" },
  "no-pull": { help: "only send" },
  key: { value: "KEY", help: "issue key, such as ENG-12" },
  candidate: { value: "TOKEN", help: "candidate_token of the board" },
  identity: { value: "JSON", help: "project identity: JSON, @FILE, or @- for stdin" },
  // Repeat it to run a command with an unknown result again.
  "idempotency-key": { value: "UUID", help: "key of the attempt to repeat" },
} satisfies Record<string, OptionSpec>;

type Values = Partial<OptionValues<typeof routingOptions & typeof callOptions>>;

interface Call {
  readonly tracker: TrackerClient;
  readonly route: Routing;
  readonly values: Values;
  readonly text: string | undefined;
  readonly input: Pick<Context, "stdin" | "signal">;
  readonly options: CallOptions & { readonly signal: AbortSignal };
}

interface CallDefinition extends Pick<Command, "description"> {
  readonly options?: readonly (keyof typeof callOptions)[];
  readonly examples: readonly string[];
  call(call: Call): Promise<JsonObject>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function trackerCommand(usage: string, { options = [], examples, call, ...command }: CallDefinition): Command {
  return defineCommand({
    ...command,
    usage,
    options: {
      ...Object.fromEntries(options.map((name) => [name, callOptions[name]])),
      ...routingOptions,
      ...profileOption,
      ...jsonOption,
    },
    examples: examples.map((rest) => [`${commandName({ usage })} ${rest}`]),
    async run({ app, out, ...input }, given, [text]) {
      const values = given as Values;
      if (values.provider === undefined) throw usageError("--provider is required", "Try: --provider github");
      const key = values["idempotency-key"];
      if (key !== undefined && !uuid.test(key))
        throw usageError(`--idempotency-key is "${key}", not a UUID`, "Omit it to use a new one");
      const route = { provider: values.provider, bindingRef: values.binding, projectSlug: values.project };
      const result = await call({
        tracker: trackerClientOf(app),
        route,
        values,
        text,
        input,
        options: { signal: input.signal, idempotencyKey: key },
      });
      showResult(out, result, given.json);
    },
  });
}

/** As JSON, or in two columns with list items on a line each. The content is the provider's. */
function showResult(out: Output, result: JsonObject, asJson: boolean | undefined): void {
  if (asJson) return out.json(result);
  const plain = Object.entries(result).filter(([, value]) => !Array.isArray(value));
  if (plain.length > 0) out.answer(columns(plain.map(([name, value]) => [name, inWords(value)])));
  for (const [name, value] of Object.entries(result)) {
    if (!Array.isArray(value)) continue;
    out.answer(`${oneLine(name)}${value.length === 0 ? ": none" : ""}`);
    for (const item of value as unknown[]) out.answer(`  ${inWords(item)}`);
  }
  if (Object.keys(result).length === 0) out.answer("Done.");
}

function inWords(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return cell(value);
  return Object.entries(value)
    .map(([name, member]) => `${oneLine(name)} ${cell(member)}`)
    .join("  ");
}

function cell(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : oneLine(String(value));
}

async function jsonObject(name: "filters" | "identity", { values, input }: Call): Promise<JsonObject | undefined> {
  const value = values[name];
  return value === undefined ? undefined : readJsonObject(name, value, input);
}

function readCommand(name: "status" | "mappings" | "resources", description: string): Command {
  return trackerCommand(`tracker ${name}`, {
    description,
    examples: ["--provider github --project my-project", "--provider github --binding bind_1 --json"],
    call: ({ tracker, route, options }) => tracker[name](route, options),
  });
}

export const trackerCommands: Readonly<
  Record<"status" | "mappings" | "resources" | "pull" | "push" | "run" | "search" | "tickets" | "bind", Command>
> = {
  status: readCommand("status", "Show the tracker's connection and last synchronization."),
  mappings: readCommand("mappings", "Show the field mappings."),
  resources: readCommand("resources", "List the tracker's resources for a binding."),
  pull: trackerCommand("tracker pull", {
    description: "Get items from the tracker, 100 by default.",
    options: ["limit", "cursor", "filters"],
    examples: [
      "--provider github --project my-project",
      `--provider github --project my-project --filters '{"state":"open"}'`,
    ],
    async call(call) {
      const { limit, cursor } = call.values;
      return call.tracker.pull(
        { ...call.route, limit, cursor, filters: await jsonObject("filters", call) },
        call.options,
      );
    },
  }),

  push: trackerCommand("tracker push", {
    description: "Send items to the tracker.",
    options: ["items", "idempotency-key"],
    examples: [
      `--provider github --project my-project --items '[{"id":"WP01","title":"Login"}]'`,
      "--provider github --project my-project --items @items.json",
    ],
    async call({ tracker, route, values, input, options }) {
      if (values.items === undefined) throw usageError("--items is required", `Try: --items '[{"id":"WP01"}]'`);
      return tracker.push({ ...route, items: await readJsonArray("items", values.items, input) }, options);
    },
  }),

  run: trackerCommand("tracker run", {
    description: "Get items from the tracker (100 by default), then send items. Wait at most five minutes.",
    options: ["no-pull", "limit", "idempotency-key"],
    examples: ["--provider github --project my-project", "--provider github --project my-project --no-pull"],
    call: ({ tracker, route, values: { limit, "no-pull": noPull }, options }) =>
      tracker.run({ ...route, pullFirst: !noPull, limit }, options),
  }),

  search: trackerCommand("tracker search [TEXT]", {
    description: "Find issues by text or key, 20 by default.",
    options: ["key", "limit"],
    examples: ["login --provider linear", "--key ENG-12 --provider linear"],
    call: ({ tracker, route, values: { limit, key: queryKey }, text: queryText, options }) =>
      tracker.searchIssues({ ...route, limit, queryText, queryKey }, options),
  }),

  tickets: trackerCommand("tracker tickets", {
    description: "List the tickets of the binding, 20 by default.",
    options: ["limit"],
    examples: ["--provider linear", "--provider linear --limit 100 --json"],
    call: ({ tracker, route, values: { limit }, options }) => tracker.listTickets({ ...route, limit }, options),
  }),

  bind: trackerCommand("tracker bind", {
    description:
      "Bind a project, named by --project or --identity, to a board of the tracker. Without --candidate, list the boards; with --binding, check the binding.",
    options: ["candidate", "identity", "idempotency-key"],
    examples: ["--provider linear --project my-project", "--provider linear --project my-project --candidate cand_1"],
    async call(call) {
      const { tracker, values, options } = call;
      const { provider, projectSlug } = call.route;
      const more = await jsonObject("identity", call);
      if (projectSlug === undefined && more === undefined)
        throw usageError("--project or --identity is required", "Try: --project SLUG");
      const about = { provider, projectIdentity: { project_slug: projectSlug, ...more } };
      if (values.candidate !== undefined)
        return tracker.bindConfirm({ ...about, candidateToken: values.candidate }, options);
      if (values.binding !== undefined) return tracker.bindValidate({ ...about, bindingRef: values.binding }, options);
      return tracker.bindResolve(about, options);
    },
  }),
};

import type { Routing } from "../../../tracker/client.ts";
import { jsonOption, profileOption, type OptionSpec } from "../../command.ts";
import { parseJsonObject, readInput } from "../../input.ts";
import { usageError, wholeNumber } from "../../usage.ts";

type Text = OptionSpec & { readonly type: "string" };

/** The options that say which tracker of which project is meant. */
export const routingOptions: { readonly provider: Text; readonly binding: Text; readonly project: Text } & typeof profileOption & typeof jsonOption = {
  provider: { type: "string", value: "NAME", help: "the tracker behind it, such as linear, jira or github" },
  binding: { type: "string", value: "REF", help: "the binding of the project" },
  project: { type: "string", value: "SLUG", help: "the project, where there is no binding" },
  ...profileOption,
  ...jsonOption,
};

/**
 * @throws AuthError `usage_invalid` without a provider
 */
export function routing(values: { readonly provider: string | undefined; readonly binding: string | undefined; readonly project: string | undefined }): Routing {
  return { provider: provider(values), bindingRef: values.binding, projectSlug: values.project };
}

/**
 * @throws AuthError `usage_invalid` without one
 */
export function provider(values: { readonly provider: string | undefined }): string {
  if (values.provider === undefined) throw usageError("--provider is missing: which tracker is meant", "Try: --provider github");
  return values.provider;
}

/** How many items at most, if the user says. */
export function limit(value: string | undefined): { limit?: number } {
  return value === undefined ? {} : { limit: wholeNumber("limit", value, 1, 1000) };
}

/** Who a project is, for binding it: its name, and what else the user says of it as JSON. */
export async function projectIdentity(values: { readonly project: string | undefined; readonly identity: string | undefined }, signal: AbortSignal): Promise<Record<string, unknown>> {
  const more = values.identity === undefined ? {} : parseJsonObject("identity", await readInput("identity", values.identity, signal));
  if (values.project === undefined && values.identity === undefined) throw usageError("--project is missing: which project is to be bound", "Try: --project SLUG");
  return { ...(values.project !== undefined && { project_slug: values.project }), ...more };
}

import { hint } from "../../base/errors.ts";
import { usageError, type Context } from "../command.ts";
import { readInput } from "../input.ts";

type Container = Record<string, unknown> | unknown[];

/** A field of the command line: a name such as `user[name]` or `labels[]`, and a value. */
export type Field = readonly [name: string, value: unknown];

/** `texts` of `-f`: `name=text`; `typed` of `-F`: `name=json` or `name=@file`. Invalid JSON is text. */
export async function readFields(
  texts: readonly string[],
  typed: readonly string[],
  input: Pick<Context, "stdin" | "signal">,
): Promise<Field[]> {
  const read = async ([name, text]: readonly [string, string]): Promise<Field> => [
    name,
    text.startsWith("@") ? (await readInput("json-field", text, input)).toString() : jsonOrText(name, text),
  ];
  return [
    ...texts.map((field) => split("-f", field)),
    ...(await Promise.all(typed.map((field) => read(split("-F", field))))),
  ];
}

function split(option: string, field: string): [name: string, text: string] {
  const at = field.indexOf("=");
  if (at < 1) throw usageError(`${option} is "${field}", not name=value`, `Try: ${option} name=value`);
  return [field.slice(0, at), field.slice(at + 1)];
}

function jsonOrText(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A malformed list or object must not go as text.
    if (/^\s*[[{"]/.test(text))
      throw usageError(`-F ${name} is not JSON`, hint`Send it as text: ${{ run: ["-f", `${name}=…`] }}`);
    return text;
  }
}

/** `a[b]=1` is `{"a":{"b":1}}`, `a[]=1` adds to a list. */
export function objectOf(fields: readonly Field[]): Container {
  const root = emptyObject();
  for (const [name, value] of fields) {
    const [, first = "", rest = ""] = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name) ?? [];
    if (first === "")
      throw usageError(`"${name}" is not the name of a field`, hint`Try: ${{ run: ["-f", "user[name]=value"] }}`);
    put(root, [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, step = ""]) => step)], value, name);
  }
  return root;
}

/** Without a prototype: a field may be called `__proto__`. */
function emptyObject(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function put(container: Container, [step = "", ...rest]: readonly string[], value: unknown, name: string): void {
  const clash = (): Error =>
    usageError(`the field "${name}" has two kinds of values`, "Use each name for one kind: value, list or object");
  const [next] = rest;
  if (Array.isArray(container)) {
    if (step !== "") throw clash();
    if (next === undefined) return void container.push(value);
    // `a[][x]=1 a[][y]=2` is one object, until a name repeats.
    const last: unknown = container.at(-1);
    const goesOn = next !== "" && isContainer(last) && !Array.isArray(last) && (rest.length > 1 || !(next in last));
    const made = goesOn ? last : next === "" ? [] : emptyObject();
    if (!goesOn) container.push(made);
    return put(made, rest, value, name);
  }
  if (step === "") throw clash();
  if (next === undefined) {
    if (step in container) throw clash();
    container[step] = value;
    return;
  }
  const there = (container[step] ??= next === "" ? [] : emptyObject());
  if (!isContainer(there)) throw clash();
  put(there, rest, value, name);
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

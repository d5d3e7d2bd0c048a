import { printable } from "../base/text.ts";

/** From outside: members are `unknown` until checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface Kind<T> {
  /** Completes "it is not …". */
  readonly expected: string;
  readonly read: (value: unknown) => T | undefined;
}

/** With visible characters: no user could read a name of blanks and controls. */
export const text: Kind<string> = {
  expected: "a string",
  read: (value) => (typeof value === "string" && printable(value).trim() !== "" ? value : undefined),
};

/** Not `1e999`, which JavaScript reads as infinity. */
export const number: Kind<number> = {
  expected: "a number",
  read: (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined),
};

/** Some servers write digits as a string. */
export const seconds: Kind<number> = {
  expected: "a positive number of seconds",
  read(value) {
    const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === "number" && number > 0 ? number : undefined;
  },
};

export const flag: Kind<boolean> = {
  expected: "true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
};

export const texts: Kind<readonly string[]> = {
  expected: "a list of strings",
  read: (value) => (Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined),
};

interface MemberReader {
  /** Undefined when the member is absent or `null`. */
  optional<T>(name: string, kind: Kind<T>): T | undefined;
  required<T>(name: string, kind: Kind<T>): T;
}

/** `wrong`: without the value, which may be a secret. */
export function memberReader(object: JsonObject, wrong: (name: string, expected: string) => Error): MemberReader {
  const required = <T>(name: string, { read, expected }: Kind<T>): T => {
    const value = read(object[name]);
    if (value === undefined) throw wrong(name, expected);
    return value;
  };
  return {
    required,
    optional: (name, kind) => (object[name] === undefined || object[name] === null ? undefined : required(name, kind)),
  };
}

/** Undefined unless there is something visible. */
export function textOf(value: unknown): string | undefined {
  return text.read(value);
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Far above any response used here, and below where printing or comparing runs out of stack. */
const deepest = 100;

/** Undefined when it is not JSON, or nested too deeply. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isNestedTooDeeply(value) ? undefined : value;
  } catch {
    // Without a cause: the parser quotes the text, which may hold a token.
    return undefined;
  }
}

export function isNestedTooDeeply(value: unknown, levels: number = deepest): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isNestedTooDeeply(member, levels - 1));
}

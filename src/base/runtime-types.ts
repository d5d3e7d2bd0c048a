/**
 * Types of the runtime as a caller's project knows them: from lib dom, from `@types/node`, or a minimum where it has neither. Public
 * signatures take them from here. A global name in them would be an error in a project without lib dom; a reference to
 * `@types/node` would be a dependency, and would put Node's globals into projects that keep them out (`types: []`, the compiler's
 * default since TypeScript 6).
 */
type Global<Name extends string, Otherwise> = typeof globalThis extends {
  readonly [name in Name]: { prototype: infer Instance };
}
  ? Instance
  : Otherwise;

/** As `process.platform`. */
export type Platform = typeof globalThis extends { readonly process: { readonly platform: infer Name } }
  ? Name
  : string;

/** Ends work under way (DOM, interface AbortSignal). */
export type AbortSignal = Global<
  "AbortSignal",
  {
    readonly aborted: boolean;
    readonly reason: unknown;
    addEventListener(type: "abort", listener: () => void): void;
    removeEventListener(type: "abort", listener: () => void): void;
  }
>;

/** An address that is parsed (URL Standard). */
export type URL = Global<"URL", { readonly href: string }>;

/** A request to be sent (Fetch Standard). */
export type Request = Global<"Request", { readonly url: string; readonly method: string }>;

/** What a request is made of (Fetch Standard). */
export type RequestInit = typeof globalThis extends { readonly fetch: (input: never, init?: infer Init) => unknown }
  ? Exclude<Init, undefined>
  : {
      method?: string;
      headers?: Readonly<Record<string, string>>;
      body?: string | Uint8Array | null;
      signal?: AbortSignal | null;
    };

/** The answer to a request (Fetch Standard). */
export type Response = Global<
  "Response",
  {
    readonly ok: boolean;
    readonly status: number;
    readonly headers: { get(name: string): string | null };
    json(): Promise<unknown>;
    text(): Promise<string>;
    arrayBuffer(): Promise<ArrayBuffer>;
  }
>;

/** Sends a request, as the global `fetch` does (Fetch Standard). */
export type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * Types of the runtime as a caller's project has them: from lib dom, from `@types/node`, or a minimum. Global names
 * would be errors without lib dom, and a reference to `@types/node` would add Node's globals to projects that exclude
 * them (`types: []`, the default since TypeScript 6).
 */
type Global<Name extends string, Otherwise> = typeof globalThis extends {
  readonly [name in Name]: { prototype: infer Instance };
}
  ? Instance
  : Otherwise;

/** Cancels work (DOM, interface AbortSignal). */
export type AbortSignal = Global<
  "AbortSignal",
  {
    readonly aborted: boolean;
    readonly reason: unknown;
    addEventListener(type: "abort", listener: () => void): void;
    removeEventListener(type: "abort", listener: () => void): void;
  }
>;

/** A parsed URL (URL Standard). */
export type URL = Global<"URL", { readonly href: string }>;

/** A request (Fetch Standard). */
export type Request = Global<"Request", { readonly url: string; readonly method: string }>;

/** Options of a request (Fetch Standard). */
export type RequestInit = typeof globalThis extends { readonly fetch: (input: never, init?: infer Init) => unknown }
  ? Exclude<Init, undefined>
  : {
      method?: string;
      headers?: Readonly<Record<string, string>>;
      body?: string | Uint8Array | null;
      signal?: AbortSignal | null;
    };

/** A response (Fetch Standard). */
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

/** The global `fetch` (Fetch Standard). */
export type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

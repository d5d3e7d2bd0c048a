import type * as runtime from "../../base/runtime-types.ts";
import type { AuthOptions } from "../options.ts";

/** An email address, or more. */
export type FakeUser =
  | string
  | {
      readonly email: string;
      /** By default the email address. */
      readonly id?: string;
      readonly name?: string;
    };

/** The same signature as the global `fetch`. */
export type FakeFetch = (input: string | runtime.URL, init?: runtime.RequestInit) => Promise<runtime.Response>;

/** Made by {@link fakeService}. */
export interface FakeService {
  readonly url: string;
  /** Handles requests to {@link FakeService.url}; other URLs fail to connect. */
  readonly fetch: FakeFetch;
  /** Only a test moves it. Waiting takes no real time. */
  readonly clock: { now(): number; pass(ms: number): void };
  /**
   * For `createAuth` and `createCommand`, after the tool's own: the fake service and its clock, its user as the browser,
   * and logins in its memory. Nothing on this machine is read or written.
   */
  readonly options: Required<
    Pick<AuthOptions, "issuer" | "service" | "fetch" | "clock" | "storage" | "keychain" | "env" | "folder" | "cwd">
  >;
  /** `headers`: by lower-case names; `status`: 0 before the response. */
  readonly requests: readonly {
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly status: number;
  }[];
  /** Every token and code given: none belongs in output or a log. */
  readonly secrets: readonly string[];
  /** False for a network failure. */
  isReachable: boolean;
  /** Approves later logins; null denies them. */
  approveAs(user: FakeUser | null): void;
  /** Without a browser. */
  logIn(login?: { readonly user?: FakeUser } & Pick<FakeAuthOptions, "scope" | "expiresIn" | "profile">): void;
  /** Opens a URL as the user's browser. A login with `open: false` needs this. */
  visit(address: string): Promise<void>;
  /** Ends every session; programs notice at their next request. */
  revoke(): void;
  close(): Promise<void>;
}

/** Options of {@link fakeAuth}. */
export interface FakeAuthOptions {
  /** Is logged in, and approves later logins; `alice@example.com` by default, null for neither. */
  readonly user?: FakeUser | null;
  /** Of the login; `openid offline_access` by default. */
  readonly scope?: string | undefined;
  /** Lifetime of access tokens in seconds; 3600 by default. Zero: the login's has expired. */
  readonly expiresIn?: number | undefined;
  /** Of the login; `default` by default. */
  readonly profile?: string | undefined;
  /** The session is revoked at the service; false by default. */
  readonly revoked?: boolean;
  /** The tool's own API: gets requests with a valid access token, and its owner; by default 404. Others get 401. */
  readonly api?: (
    request: runtime.Request,
    caller: { readonly email: string; readonly scope: string },
  ) => runtime.Response | Promise<runtime.Response>;
  /** The tool's own options; by default those of `acme`. */
  readonly tool?: Partial<Omit<AuthOptions, keyof FakeService["options"]>>;
}

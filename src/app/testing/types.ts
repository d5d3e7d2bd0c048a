import type * as runtime from "../../base/runtime-types.ts";
import type { AuthOptions } from "../options.ts";

/** A user of the fake service: an email address, or more. */
export type FakeUser =
  | string
  | {
      readonly email: string;
      /** The email address by default. */
      readonly id?: string;
      readonly name?: string;
    };

/** The owner of a request's access token. */
export interface FakeCaller {
  readonly email: string;
  /** The scopes of the login, separated by spaces. */
  readonly scope: string;
}

/** Handles a request. */
export type FakeApi = (request: runtime.Request, caller: FakeCaller) => runtime.Response | Promise<runtime.Response>;

/** How the fake service behaves. Everything has a default. */
export interface FakeServiceOptions {
  /** Who approves logins; `alice@example.com` by default, null denies them. */
  readonly user?: FakeUser | null;
  /** How long access tokens are valid, in seconds; an hour by default. */
  readonly expiresIn?: number;
  /**
   * The tool's own API: handles each request with a valid access token that no endpoint of the issuer takes. By default
   * 404. Other requests get 401.
   */
  readonly api?: FakeApi;
}

/** A login made without a browser. */
export interface FakeLogin {
  /** `alice@example.com` by default. */
  readonly user?: FakeUser;
  /** Granted scopes; `openid offline_access` by default. */
  readonly scope?: string;
  /** Remaining validity of its access token, in seconds; as the service's by default. Zero: expired. */
  readonly expiresIn?: number;
  /** `default` by default. */
  readonly profile?: string;
}

/** A clock that a test moves. It starts at the current time and stands still; waiting takes no real time. */
export interface FakeClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Lets time pass, in milliseconds. */
  pass(ms: number): void;
}

/** `status` is 0 before the response. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly status: number;
}

/**
 * Options for `createAuth` and `createCommand`, after the tool's own: the fake service is issuer and service, its clock
 * tells the time, its user is the browser, and logins are in its memory. Reads and writes nothing on this machine.
 */
export type FakeToolOptions = {
  readonly [Name in
    | "issuer"
    | "service"
    | "fetch"
    | "clock"
    | "storage"
    | "keychain"
    | "env"
    | "folder"
    | "cwd"]-?: Exclude<AuthOptions[Name], undefined>;
};

/** The same signature as the global `fetch`. */
export type FakeFetch = (input: string | runtime.URL, init?: runtime.RequestInit) => Promise<runtime.Response>;

/** An issuer and a service in one. Made by {@link fakeService} and {@link startFakeService}. */
export interface FakeService {
  /** Issuer and service. */
  readonly url: string;
  /** Handles requests to {@link FakeService.url} without a socket; other URLs fail to connect. */
  readonly fetch: FakeFetch;
  readonly clock: FakeClock;
  readonly options: FakeToolOptions;
  readonly requests: readonly ReceivedRequest[];
  /** Every token and code issued: none belongs in output or a log. */
  readonly secrets: readonly string[];
  /** Set it to false for a network failure. */
  isReachable: boolean;
  /** Who approves logins from now on; null denies them. */
  approveAs(user: FakeUser | null): void;
  /** Makes a login for every program with {@link FakeService.options}. */
  logIn(login?: FakeLogin): void;
  /** Opens a URL as the user's browser, and approves or denies. A login with `open: false` needs this. */
  visit(address: string): Promise<void>;
  /** Ends every session, as an administrator does. Programs notice at their next request. */
  revoke(): void;
  close(): Promise<void>;
}

/** What {@link fakeAuth} starts with. */
export interface FakeAuthOptions extends FakeServiceOptions, Omit<FakeLogin, "user"> {
  /** Who is logged in, and approves further logins; null: not logged in, and logins are denied. */
  readonly user?: FakeUser | null;
  /** The session was revoked at the service, which the tool notices at its next request; false by default. */
  readonly revoked?: boolean;
  /** The tool's own description, for its name in errors and hints; `acme` by default. */
  readonly tool?: Partial<Omit<AuthOptions, keyof FakeToolOptions>>;
}

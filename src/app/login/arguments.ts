import type { Client } from "../../auth/oauth/client-authentication.ts";
import type { ChosenProvider } from "../../auth/oauth/named-providers.ts";
import type { Secret } from "../../base/secret.ts";
import { describeEnvironment, readFacts, type LoginEnvironment } from "../../platform/browser-or-device.ts";
import type { App } from "../app.ts";
import type { LoginCallbacks, LoginOptions } from "./options.ts";

/** The input of a login. `clientSecret`: from a file that the user named. */
export interface LoginArguments
  extends Omit<LoginOptions, keyof LoginCallbacks>,
    Pick<App, "identity" | "settings" | "tool">,
    Pick<Client, "clientSecret"> {
  readonly address?: string | undefined;
  readonly provider?: ChosenProvider | undefined;
  /** A token of a login made elsewhere: no browser, no code. */
  readonly token?: Secret | undefined;
  readonly force: boolean;
  readonly environment: LoginEnvironment;
  readonly now: number;
}

export function loginArguments(
  { identity, settings, tool, env, clock }: App,
  asked: Omit<LoginArguments, "identity" | "settings" | "tool" | "environment" | "now">,
): LoginArguments {
  return { ...asked, identity, settings, tool, environment: describeEnvironment(readFacts(env)), now: clock.now() };
}

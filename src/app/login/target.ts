import { isAlive, unknownProfile, type Profile } from "../../auth/session.ts";
import { AuthError } from "../../base/errors.ts";
import { hint, login } from "../../base/hint.ts";
import type { App } from "../app.ts";
import { defaultClientId } from "../settings.ts";
import type { LoginOptions } from "./options.ts";

/** Which profile a login is for, and where it goes. */
export interface LoginTarget {
  readonly name: string;
  /** The stored profile; undefined when this login creates it. */
  readonly known: Profile | undefined;
  readonly service: string;
  readonly clientId: string;
  readonly issuer: string | undefined;
  readonly scope: string | undefined;
}

/**
 * Decides where a login goes: what options, variables and the tool say, else what the profile remembers of that very service.
 *
 * @param scope - what is asked for this time
 * @throws AuthError `configuration_invalid` when nothing names a service; NotAuthenticatedError for a profile that only a
 * folder's file names
 */
export async function loginTarget({ identity, settings, store, tokens }: App, scope: string | undefined): Promise<LoginTarget> {
  const profiles = await store.read();
  const name = tokens().settle(profiles.active);
  const known = profiles.profiles.get(name);
  if (known === undefined && settings.profile?.mayBeNew === false) throw unknownProfile(name, profiles, settings.profile.source);
  const service = settings.service?.value ?? known?.service;
  if (service === undefined) {
    throw new AuthError("configuration_invalid", `${identity.variable("SAAS_URL")} is not set, so there is no service to log in to`, {
      hint: hint`${{ variable: "SAAS_URL", value: "https://service.example" }}, then run: ${login()}`,
    });
  }
  // What a profile remembers of another service says nothing about this one.
  const remembered = known?.service === service ? known : undefined;
  const issuer = settings.issuer?.value ?? remembered?.issuer;
  return {
    name,
    known,
    service,
    clientId: settings.clientId?.value ?? remembered?.clientId ?? defaultClientId,
    issuer,
    // One issuer's scopes are not another's.
    scope: scope ?? settings.scope ?? (remembered?.issuer === issuer ? remembered?.scope : undefined),
  };
}

/**
 * Has the user agree before a profile changes hands: what runs with this profile would from then on talk to another service, or
 * trust another issuer.
 *
 * @throws AuthError `consent_required` when there is nobody to ask, or the answer is no
 */
export async function agreedRebinding(target: LoginTarget, onConsent: LoginOptions["onConsent"]): Promise<void> {
  const { known, name: profile } = target;
  if (known === undefined || isSamePlace(known, target)) return;
  if (!(await onConsent?.({ about: "profile", profile, from: placeOf(known), to: placeOf(target) }))) throw rebindingRefused(target, known);
}

/** The error for a login that would take a profile to another place without its user's consent. */
export function rebindingRefused(target: LoginTarget, stored: Profile): AuthError {
  const place = placeOf(target);
  return new AuthError("consent_required", `profile "${target.name}" belongs to ${placeOf(stored)}, and the login at ${place} was not agreed to`, {
    hint: hint`To keep both: ${login("NAME")}. To change the profile to ${place}: ${login(target.name, "--yes")}`,
  });
}

/** Whether two logins are at one service with the tokens of one issuer. */
export function isSamePlace(one: Pick<Profile, "service" | "issuer">, other: Pick<Profile, "service" | "issuer">): boolean {
  return placeOf(one) === placeOf(other);
}

/** The service and, where it is another, the issuer, as they are named in a sentence. */
function placeOf({ service, issuer = service }: Pick<Profile, "service" | "issuer">): string {
  return issuer === service ? service : `${service} (issuer ${issuer})`;
}

/** The profile, if it is logged in already, as far as this machine can tell. */
export function loggedIn({ known, service, issuer }: LoginTarget, now: number): Profile | undefined {
  if (known?.session === undefined || known.service !== service || known.issuer !== issuer) return undefined;
  return isAlive(known.session, now) ? known : undefined;
}

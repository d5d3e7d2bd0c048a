import { foreignHost, requireAgreedHost } from "../../auth/flows/agreed-host.ts";
import type { LoginRequest } from "../../auth/flows/login-request.ts";
import { chooseKey } from "../../auth/secure-storage/key-choice.ts";
import { addKey } from "../../auth/sessions/local-changes.ts";
import type { Profile } from "../../auth/sessions/session.ts";
import { withoutEndSlashes } from "../../base/address.ts";
import { AuthError, hint, login } from "../../base/errors.ts";
import { checkFoldersAbove } from "../../platform/folders-above.ts";
import { reservePrivateFile } from "../../platform/private-file-changes.ts";
import { explained } from "../../platform/unwritable.ts";
import type { App } from "../app.ts";
import type { Destination } from "./destination.ts";
import type { LoginCallbacks } from "./options.ts";
import { isSamePlace, shownPlace } from "./place.ts";
import type { LoginPlan } from "./plan.ts";

// What only the user can decide. Each throws `consent_required` without an answer, or with a no.

type Ask = LoginCallbacks["onConsent"];

/** Before a profile changes hands: its programs would then talk to another service, or trust another issuer. */
export async function agreeToRebinding({ known, name, profile }: Destination, onConsent: Ask): Promise<void> {
  if (known === undefined || isSamePlace(known, profile)) return;
  const question = { about: "profile", profile: name, from: shownPlace(known), to: shownPlace(profile) } as const;
  if (!(await onConsent?.(question))) throw rebindingRefused(name, known, profile);
}

export function rebindingRefused(name: string, stored: Profile, to: Destination["profile"]): AuthError {
  const place = shownPlace(to);
  return new AuthError(
    "consent_required",
    `profile "${name}" belongs to ${shownPlace(stored)}, and the login at ${place} needs your approval`,
    { hint: hint`Keep both: ${login("NAME")}. Change the profile to ${place}: ${login(name, "--yes")}` },
  );
}

/**
 * Before a part of a host gets tokens for more than itself (RFC 9728): its neighbors accept them too.
 *
 * @param named - the resource that the user named in the command
 */
export async function agreeToResource(
  { known, profile }: { readonly known: Profile | undefined; readonly profile: Pick<Profile, "service" | "resource"> },
  named: string | undefined,
  onConsent: Ask,
): Promise<void> {
  const { service: address, resource } = profile;
  const isAgreed = resource === named || (known?.service === address && known.resource === resource);
  if (resource === undefined || withoutEndSlashes(resource) === address || isAgreed) return;
  if (await onConsent?.({ about: "resource", address, resource })) return;
  throw new AuthError(
    "consent_required",
    `"${address}" requires tokens for all of "${resource}", and that needs your approval`,
    {
      hint: hint`If you trust it with all of that, log in again: ${login(undefined, address, "--resource", resource)}`,
    },
  );
}

/** The disk space of a login, in bytes: a few files of a few KiB. */
const loginBytes = 32 * 1024;

/**
 * The key for the session of a login, agreed before the service is asked anything: a login that cannot be stored must
 * not start.
 *
 * @param startsOver - leaves what cannot be opened where it is
 * @returns installs the key once there is a login to store, and says what was moved aside. A login can take minutes,
 *   and one that changes nothing must not undo another's change, perhaps to a better key
 */
export async function agreedKey(
  app: App,
  onConsent: Ask,
  startsOver: boolean = false,
): Promise<() => Promise<string | undefined>> {
  if (!app.isLocal) return async () => undefined;
  const { folder, local } = app;
  explained(folder, () => checkFoldersAbove(folder));
  const { source, key } = await chooseKey({
    requested: app.settings.storage,
    current: startsOver ? undefined : local.keys.own()?.way,
    sourceOf: app.keySource,
    hasPassphrase: app.settings.passphrase !== undefined,
    async consent(reason) {
      const answer = await onConsent?.({ about: "file", reason });
      if (answer !== undefined) return answer;
      const problem = `the session needs an encrypted file, and this command cannot ask here: ${reason}`;
      throw new AuthError("consent_required", problem, {
        hint: hint`Accept it: ${{ variable: "STORAGE", value: "file" }}, or ${login(undefined, "--storage", "file", ...(startsOver ? ["--force"] : []))}`,
      });
    },
  });
  // Reveals a full disk or an unwritable directory now.
  (await reservePrivateFile(local.keys.path, loginBytes)).discard();
  return async () => {
    // Unless everything was removed since.
    if (key === undefined && local.keys.own() !== undefined) return undefined;
    return addKey(key ?? (await (await app.keySource(source)).create()), startsOver, local);
  };
}

/** The request, with the hosts that the user agreed to, before anything is opened there. */
export async function agreedHosts(
  { settings, identity }: App,
  { request, profile, login: flow }: LoginPlan,
  onConsent: Ask,
): Promise<LoginRequest> {
  const { service, resource } = profile;
  const { issuer } = request.server;
  const { host, origin } = new URL(issuer);
  const trusting = (trusted: string): LoginRequest => ({
    ...request,
    trustedHosts: [...request.trustedHosts, trusted],
  });
  let agreed = request;
  // A client from the environment may get tokens at its own issuer without a question, and an issuer without resources
  // would give one good for everything: a lying resource that names this issuer would get it (RFC 9728 §7.6). A client
  // registered for the login has no such standing.
  const isAmbient = settings.clientId?.source === identity.variable("CLIENT_ID");
  const isItsOwn = origin === new URL(service).origin;
  if (resource !== undefined && isAmbient && !isItsOwn && !request.trustedHosts.includes(host)) {
    if (!(await onConsent?.({ about: "host", issuer: service, host })))
      throw new AuthError(
        "consent_required",
        `"${service}" names the issuer "${issuer}", and using the client ID in ${identity.variable("CLIENT_ID")} there needs your approval`,
        {
          hint: hint`Unset ${{ variable: "CLIENT_ID" }}. If you know from another source that the two belong together, log in again: ${login(undefined, service, "--trust-host", host)}`,
        },
      );
    agreed = trusting(host);
  }
  const authFlow = flow === "device" ? "device_code" : "authorization_code";
  const foreign = foreignHost(agreed, authFlow);
  if (foreign === undefined) return agreed;
  if (!(await onConsent?.({ about: "host", issuer, host: foreign }))) requireAgreedHost(agreed, authFlow);
  return { ...agreed, trustedHosts: [...agreed.trustedHosts, foreign] };
}

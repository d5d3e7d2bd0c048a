import { isConfidential } from "../base/address.ts";
import { AuthError, hint } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

/** Where an agent is asked: a Unix socket or a named pipe, or an address for http. */
export type AgentPlace = { readonly socket: string } | { readonly origin: string };

/**
 * The value of `…_AGENT`: the place and the secret, in one text, so that neither is passed on without the other. The place comes first and
 * may be replaced: through `ssh -R` or in a container the same agent has another path.
 */
export function agentValue(place: AgentPlace, secret: Secret): string {
  return `${"socket" in place ? place.socket : place.origin}#${secret.reveal()}`;
}

/**
 * Reads it.
 *
 * @param source - the variable, for the message
 * @throws {@link AuthError} `configuration_invalid`, without the text: a part of it is a secret
 */
export function parseAgentValue(value: Secret, source: string): { place: AgentPlace; secret: Secret } {
  const [, where = "", secret] = /^(.+)#([\w-]{43})$/s.exec(value.reveal()) ?? [];
  if (secret === undefined)
    throw new AuthError("configuration_invalid", `${source} is not in the form PLACE#SECRET`, {
      hint: hint`Copy the whole line printed by ${{ command: "auth agent" }}`,
    });
  // A path of Windows or of everything else.
  if (/^(\/|\\\\[.?]\\pipe\\)/.test(where)) return { place: { socket: where }, secret: new Secret(secret) };
  const url = URL.canParse(where) ? new URL(where) : undefined;
  if (url === undefined || !isOnThisMachine(url))
    throw new AuthError("configuration_invalid", `${source} must name a socket, or a port on this machine`, {
      hint: hint`Forward the socket to where it is used: ssh -R`,
    });
  return { place: { origin: url.origin }, secret: new Secret(secret) };
}

/**
 * Secret and tokens go over plain http, which is for this machine only. A container's own names for the machine that runs it do not leave
 * that machine either: the runtime of the container forwards them to its loopback interface.
 */
function isOnThisMachine(url: URL): boolean {
  return (
    isConfidential(url) || (url.protocol === "http:" && /^host\.(docker|containers)\.internal$/.test(url.hostname))
  );
}

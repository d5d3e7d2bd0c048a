import { isConfidential } from "../base/address.ts";
import { AuthError, hint } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

export type AgentPlace = { readonly socket: string } | { readonly origin: string };

/**
 * The value of `…_AGENT`: one text, so that place and secret do not travel alone. The place comes first and may be
 * replaced: through `ssh -R` or in a container the agent has another path.
 */
export function agentValue(place: AgentPlace, secret: Secret): string {
  return `${"socket" in place ? place.socket : place.origin}#${secret.reveal()}`;
}

/**
 * @param source - the variable
 * @throws {@link AuthError} `configuration_invalid`, without the value: a part is secret
 */
export function parseAgentValue(value: Secret, source: string): { place: AgentPlace; secret: Secret } {
  const [, where = "", secret] = /^(.+)#([\w-]{43})$/s.exec(value.reveal()) ?? [];
  if (secret === undefined)
    throw new AuthError("configuration_invalid", `${source} is not in the form PLACE#SECRET`, {
      hint: hint`Copy the whole line printed by ${{ command: "auth agent" }}`,
    });
  // On Windows or elsewhere.
  if (/^(\/|\\\\[.?]\\pipe\\)/.test(where)) return { place: { socket: where }, secret: new Secret(secret) };
  const url = URL.canParse(where) ? new URL(where) : undefined;
  if (url === undefined || !isOnThisMachine(url))
    throw new AuthError("configuration_invalid", `${source} names neither a socket nor a port on this machine`, {
      hint: hint`Forward the agent's socket to this machine with ssh -R`,
    });
  return { place: { origin: url.origin }, secret: new Secret(secret) };
}

/**
 * Secret and tokens go over plain http, which is for this machine only. A container's runtime forwards the names of its
 * host to loopback.
 */
function isOnThisMachine(url: URL): boolean {
  return (
    isConfidential(url) || (url.protocol === "http:" && /^host\.(docker|containers)\.internal$/.test(url.hostname))
  );
}

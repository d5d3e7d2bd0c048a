import type { Identity } from "../../base/identity.ts";

/** A claim of the security model. The attack of this name in test/security/ tests it, on every runtime. */
interface Claim {
  /** In lower case, with dashes. */
  readonly id: string;
  readonly text: string;
}

export function securityClaims({ command, variable }: Identity): readonly Claim[] {
  return [
    {
      id: "callback-exact",
      text: "The callback accepts only a GET with the exact path, a loopback Host and the 256-bit state (RFC 9700 §4.7). A pasted URL needs this state, too.",
    },
    {
      id: "callback-owner",
      text: "On Linux, no other user's request completes a login. Where the system hides the owner of a connection, other users cannot read the browser's command line.",
    },
    { id: "callback-load", text: "The callback server limits the number, size and time of other requests." },
    {
      id: "browser-once",
      text: "The browser's command line has a loopback URL without the state, valid once. Where the system hides the owner of a connection, opening it twice ends the login.",
    },
    {
      id: "code-verifier",
      text: "A stolen authorization code is useless without the verifier. Only the token endpoint gets it (RFC 7636).",
    },
    {
      id: "issuer-mix-up",
      text: "A code reaches no other issuer if its own, or the one you log in to, supports RFC 9207.",
    },
    {
      id: "issuer-path",
      text: "Each issuer without RFC 9207 has its own redirect path: it cannot get another issuer's code (RFC 9700 §4.4). Services without a named issuer, and a tool's own issuer, have /callback.",
    },
    {
      id: "issuer-host",
      text: "The login page is on the issuer's host, or on a host you allowed (--trust-host). A device login elsewhere shows both hosts.",
    },
    {
      id: "agent-socket",
      text: "An agent gives access tokens and proofs only to clients with its 256-bit secret, for one service. Other users cannot connect, except with --shared or --port; on Node.js, the agent limits their connections. Commands trust only an agent with the secret, and never send it. Nobody in between can read the response.",
    },
    {
      id: "resource-parent",
      text: "A resource gets no token for its whole host, unless the host's metadata and you allow it (RFC 9728 §3.3).",
    },
    {
      id: "resource-client",
      text:
        "A resource cannot get an issuer's tokens through the client in " +
        `${variable("CLIENT_ID")}, unless you allowed the issuer by name.`,
    },
    {
      id: "service-address",
      text: "The browser gets only https: and loopback URLs. No URL can add an option or a command.",
    },
    { id: "service-text", text: "Text from a server cannot move the cursor, forge a line, or run in a page." },
    {
      id: "service-size",
      text: `Responses, and messages of Node.js's own WebSocket, have limits of size and time. "${command} api PATH" streams its response.`,
    },
    { id: "token-redirect", text: "Redirects cannot send tokens, headers or bodies to another service." },
    { id: "token-path", text: 'If the service has a path, tokens stay below it, no matter how a server reads "..".' },
    {
      id: "token-git",
      text: "git, Docker and Bazel get a token for the service's URL only; kubectl, for one cluster with a verified certificate (unless --insecure-skip-tls-verify).",
    },
    {
      id: "tokens-bound",
      text: "With DPoP (RFC 9449), tokens are useless without their key. The sealed session contains the key; no request sends it.",
    },
    {
      id: "id-token",
      text: "The login checks the ID token's issuer, audience, signature, times and nonce (OpenID Connect Core 3.1.3.7).",
    },
    {
      id: "folder-profile",
      text:
        "A file in a directory can only suggest a profile. The command stores your own choice " +
        `("${command} auth switch PROFILE --here") with the sessions.`,
    },
    {
      id: "files-named",
      text: "A file you name must be a regular one of limited size. Links cannot lead out of its directory.",
    },
    {
      id: "files-private",
      text: "Files have mode 0600, in a directory that only you can change. Each read checks mode and owner, and refuses links. On Windows, the access control list of your user directory protects them.",
    },
    {
      id: "files-above",
      text:
        "A command writes nothing below another user's directory (except root's), or below one that everyone can change (unless sticky). " +
        `For group-writable ones, see "${command} auth doctor".`,
    },
    {
      id: "files-sealed",
      text: `A copy of the files is useless without the key ("${command} help storage"). The command detects every changed byte.`,
    },
    {
      id: "programs-named",
      text: "A command starts programs by their absolute path. It looks a name up in PATH, never in the current directory.",
    },
    {
      id: "code-loading",
      text: "A command loads only this package and its one dependency, from directories that only you and root can change.",
    },
    { id: "words-quoted", text: "Hints quote every word for your shell. Completion leaves file names to the shell." },
    {
      id: "logs-secret",
      text: `Only "${command} auth token" and the credential helpers print a token; "${command} api PATH" prints the response. Messages contain no secret. --verbose logs no body, and only harmless headers and parameters.`,
    },
  ];
}

export function text(identity: Identity): string {
  return `A test attacks each claim. "${identity.command} auth doctor" names the claims without a defense on this system.

${securityClaims(identity)
  .map(({ id, text }) => `- ${id}: ${text}`)
  .join("\n")}

What is not protected:

- Your own programs and administrators can do what you can: get tokens, read the machine key, hold the lock, fill the disk.
- Another user can take the port of a stopped http service on this machine, and get your requests.
- Another user can delay a login, or an agent on a port, with a flood of requests.
- "npx ${identity.name}" prefers a program of this name in node_modules/.bin of the current directory.
- Without RFC 9207, a hostile issuer can register your redirect URL at an issuer with open registration. It then gets a session
  there. Approve only on the host shown in the terminal.
- Without RFC 9207, two services with the default endpoints share a redirect path. A hostile one can get the other's session.
- A resource can use its token elsewhere, unless the issuer limits it to that resource (RFC 8707).
- A client secret goes to every issuer that you log in to.
- Anyone who can change a cluster's kubeconfig entry gets what kubectl sends there.
- A leaked access token is valid until it expires, unless DPoP binds it to a key.
- A copy of a session with its key has the same refresh token. Refreshing both ends the session if the issuer detects reuse.
- On macOS with BROWSER set, another user can open your login first, with their own account. "Logged in as" names the account.
- A stolen secret of "${identity.command} auth agent" gives access tokens until the agent ends.`;
}

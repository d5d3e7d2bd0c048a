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
      text: "Only a GET of the exact path, with a loopback Host and the exact 256-bit state, completes a login. (RFC 8252 section 8, RFC 9700 section 4.7)",
    },
    {
      id: "callback-owner",
      text: "On Linux no other user's request completes a login. Where the system hides the owner of a connection, others cannot read the browser's command line.",
    },
    {
      id: "callback-load",
      text: "The number, size and time of other requests to the listener are limited.",
    },
    {
      id: "browser-once",
      text: "The browser's command line, which other users can read on some systems, is a loopback URL without the state. It works once; where the system hides the owner of a connection, a second opening ends the login.",
    },
    {
      id: "code-verifier",
      text: "A stolen authorization code is useless without the verifier, sent only to the token endpoint. (RFC 7636)",
    },
    {
      id: "issuer-mix-up",
      text: "A code goes only to its issuer, where redirects name it (RFC 9207) or the issuer's metadata says so.",
    },
    {
      id: "issuer-path",
      text: "Each issuer has its own redirect path, unless its redirects name it: it cannot get another server's code. (RFC 9700 section 4.4)",
    },
    {
      id: "issuer-host",
      text: "The login page is on the issuer's host, or on one that you allowed (--trust-host). For a device login elsewhere, both hosts are shown.",
    },
    {
      id: "agent-socket",
      text: "An agent serves only clients with its 256-bit secret, and only access tokens and proofs for one service. Other users cannot connect unless you share the socket, and Node.js limits their connections. Commands do not send the secret, and trust only an agent that has it. Nobody between the two can read the response.",
    },
    {
      id: "resource-parent",
      text: "A resource on a shared host gets no token for the whole host, unless the host's metadata and you agree. (RFC 9728 section 3.3)",
    },
    {
      id: "resource-client",
      text:
        "A resource does not get an issuer's tokens through the client in " +
        `${variable("CLIENT_ID")}, unless you allowed the issuer by name.`,
    },
    {
      id: "service-address",
      text: "Only https: and loopback URLs are opened, as one argument, without a shell.",
    },
    {
      id: "service-text",
      text: "A service's text cannot move the cursor, forge a line, or run in a page.",
    },
    {
      id: "service-size",
      text: 'Responses, and messages of Node.js\'s own WebSocket, are limited in size and time. "api" streams them.',
    },
    {
      id: "token-redirect",
      text: "Tokens, headers and bodies go only to the service that issued the tokens, despite redirects.",
    },
    {
      id: "token-path",
      text: 'If the service has a path, tokens stay below it, by every reading of "..".',
    },
    {
      id: "token-git",
      text: "git, Docker and Bazel get a token for the service's URL only, kubectl for one cluster with a verified certificate.",
    },
    {
      id: "tokens-bound",
      text: "With DPoP (RFC 9449), access and refresh tokens are useless without their key. It is sealed with the session, and never sent.",
    },
    {
      id: "id-token",
      text: "An ID token's issuer, audience, signature, times and nonce are checked. (OpenID Connect Core 3.1.3.7)",
    },
    {
      id: "folder-profile",
      text:
        "A file in a directory can suggest a profile, never choose it. Your own choice " +
        `("${command} auth switch PROFILE --here") is stored with the sessions.`,
    },
    {
      id: "files-named",
      text: "Named files must be plain and of limited size. Links out of their directory are not followed.",
    },
    {
      id: "files-private",
      text: "Files are 0600, in a directory that only you can change. Mode and owner are checked at every read, and links refused. On Windows, the access list of your user directory protects them.",
    },
    {
      id: "files-above",
      text:
        "Nothing is written below a directory that everyone can change (unless it is sticky) or that is another user's. For group-writable ones, see " +
        `"${command} auth doctor".`,
    },
    {
      id: "files-sealed",
      text: `A copy of the files opens nothing, and a changed byte is detected: "${command} help storage".`,
    },
    {
      id: "programs-named",
      text: "Programs are started by their absolute path. A name is looked up in PATH, never in the current directory.",
    },
    {
      id: "code-loading",
      text: "Only this package and its one dependency are loaded, from directories that only you and root can change.",
    },
    {
      id: "words-quoted",
      text: "Hints quote every word for your shell. Completion leaves file names to the shell.",
    },
    {
      id: "logs-secret",
      text: 'Only "auth token" and the credential helpers print a token; "api" prints the response of the service. The command replaces secrets in messages. --verbose shows no body, and only harmless headers and parameters.',
    },
  ];
}

export function text(identity: Identity): string {
  return `A test attacks each claim under its name. "${identity.command} auth doctor" names the claims without a defense on this system.

${securityClaims(identity)
  .map(({ id, text }) => `- ${id}: ${text}`)
  .join("\n")}

What is not protected:

- Your own programs, and administrators, can do what you can: run "auth token", read memory, read the machine key, hold the lock, fill the
  disk.
- Another user can take the port of a stopped http service on this machine, and then get your requests.
- Another user can delay a login, or an agent on a port, with a flood of requests.
- "npx" runs a program of this name in node_modules/.bin of the current directory.
- A hostile issuer can register your redirect URL at an open server (RFC 7591), and get that session. Unless redirects name the server
  (RFC 9207), approve only at the host that the login names.
- Two services with the default endpoints share one redirect path. Unless redirects name them, a hostile one can get the other's session.
- A resource can use its token elsewhere, unless the issuer limits tokens to one resource (RFC 8707).
- A client secret goes to every issuer that you log in to: every copy of a native program has it, so it proves nothing.
- Anyone who can change a cluster's kubeconfig entry gets what kubectl sends there.
- A leaked access token is valid until it expires, unless it is bound to a key (DPoP).
- A session copied with its key is a second holder of the refresh token. At a service that detects reuse, its first refresh ends both.
- On macOS with BROWSER set, another user can open your login first, as their own account. "Logged in as" names it.
- A stolen "auth agent" socket with its secret gives access tokens until the agent ends.`;
}

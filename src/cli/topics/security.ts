import type { Identity } from "../../base/identity.ts";

/** A claim of the security model. The attack of the same name in test/security/ is its test, on every runtime. */
interface Claim {
  /** In lower case, with dashes. */
  readonly id: string;
  readonly text: string;
}

export function securityClaims({ command, variable }: Identity): readonly Claim[] {
  return [
    {
      id: "callback-exact",
      text:
        "Only a GET of the exact path, with a loopback Host and the exact 256-bit state, compared in constant time, completes a login. Any " +
        "other request is answered and ignored. (RFC 8252 section 8, RFC 9700 section 4.7)",
    },
    {
      id: "callback-owner",
      text:
        "On Linux a request of another user completes nothing, whatever it knows; where root logs in, that is everybody but the user behind " +
        "root. If the system does not say whose a connection is, no browser is started with a command line that others can read.",
    },
    {
      id: "callback-load",
      text:
        "Requests that complete nothing do not hold up the listener. Number, size and time are limited, and what costs something is checked " +
        "last and for many requests at once.",
    },
    {
      id: "browser-once",
      text:
        "Other users can read what a browser is started with: an address of the callback port, without the state. It leads to the login once, " +
        "ever. Where the system does not say whose a connection is, a second opening ends the login. The service's own address is shown in " +
        "your terminal alone. No cookie is set, since every port of this host would get it.",
    },
    {
      id: "code-verifier",
      text: "A stolen authorization code is useless without the verifier, which never leaves the process except to the token endpoint (RFC 7636).",
    },
    {
      id: "issuer-mix-up",
      text:
        "A code goes to no server other than the one that issued it, where redirects name their issuer (RFC 9207) or the issuer has said that " +
        "its own do.",
    },
    {
      id: "issuer-path",
      text:
        "Each issuer has a redirect path of its own, unless its redirects name it: one that sends your browser on to another server, where you " +
        "have an account, does not get that server's code back. (RFC 9700 section 4.4)",
    },
    {
      id: "issuer-host",
      text:
        "A login begins at the issuer's own host, or at one that you agreed to by name (--trust-host). Where the page of a device login is " +
        "elsewhere, both hosts are named; it is https:, and shown as a browser reads it.",
    },
    {
      id: "agent-socket",
      text:
        "An agent gives nothing to a client that does not know its 256-bit secret, and other users cannot even connect to its socket, unless " +
        "you share it. It gives access tokens for one service, and proofs for nothing else. A command believes what knows the secret too, and " +
        "does not send it: an agent's port may be somebody else's by now.",
    },
    {
      id: "resource-parent",
      text:
        "A part of a shared host that names the host as its resource gets no token for the whole of it. What lies above the address is " +
        "believed only in its own metadata, and then both are named and you are asked. (RFC 9728 section 3.3)",
    },
    {
      id: "resource-client",
      text:
        "A resource that names an issuer does not get that issuer's tokens by a client that the environment names " +
        `(${variable("CLIENT_ID")}), unless you agreed to that issuer by name.`,
    },
    {
      id: "service-address",
      text: "An address of a service is opened only if it is https: or loopback, as one argument, never through a shell.",
    },
    { id: "service-text", text: "The text of a service cannot move the cursor, forge a line, or run in a page." },
    {
      id: "service-size",
      text:
        'The answers of a service are limited in size and time, or passed on as they come by "api"; so are messages of the live connection, if ' +
        "the WebSocket is Node's own.",
    },
    {
      id: "token-redirect",
      text: "Tokens go to the service that issued them and nowhere else, redirects included; nor do headers and bodies.",
    },
    {
      id: "token-path",
      text: 'If the service has a path, tokens stay below it, by every reading of ".." that a gateway may have.',
    },
    {
      id: "token-git",
      text:
        "git gets a token for the service's own address, and kubectl for the one cluster that it was set up for, if it verifies that cluster's " +
        "certificate.",
    },
    {
      id: "tokens-bound",
      text:
        "Where the issuer binds tokens (DPoP, RFC 9449), neither the access token nor the refresh token is of any use without the key, which no " +
        "request carries. The key is part of the session and sealed with it.",
    },
    {
      id: "id-token",
      text:
        "An ID token that is forged, or was issued to another client, is refused: issuer, audience, signature, times and nonce are checked as " +
        "OpenID Connect Core 3.1.3.7 says.",
    },
    {
      id: "folder-profile",
      text:
        "A file in a folder can suggest a profile, but never decides whose token is used. What decides is your own choice " +
        `("${command} auth switch PROFILE --here"), which is stored with the sessions, by the folder's real path.`,
    },
    {
      id: "files-named",
      text:
        "Of the files that you name, a link out of the folder that it is in is neither read nor written through; only plain files are read, up to " +
        "a limit.",
    },
    {
      id: "files-private",
      text:
        "Files are 0600, in a folder that only you can change; mode and owner are checked on the open file at every read. A file that is a link, " +
        "or that others can read, is not used. On Windows the access list of your profile folder keeps others out.",
    },
    {
      id: "files-above",
      text:
        "Nothing is written in a place that others can replace: below a folder that everybody can write to (unless it is sticky) or that is " +
        "another user's, as for root in another user's home. Where only a group can change a folder above, " +
        `"${command} auth doctor" names it.`,
    },
    {
      id: "files-sealed",
      text: `A copy of the files opens nothing, and a changed byte is noticed: see "${command} help storage".`,
    },
    {
      id: "programs-named",
      text: "A program is started by its absolute path: a name alone is looked for in PATH, and never in the folder that you work in.",
    },
    {
      id: "code-loading",
      text:
        "Only the files of this package are loaded, and its one dependency, from the place where the package has it, and only if nobody but you " +
        "and root can change any folder on that path.",
    },
    {
      id: "words-quoted",
      text: "Hints quote every word that you might paste, for your shell, and completion leaves file names to the shell's own quoting.",
    },
    {
      id: "logs-secret",
      text:
        'No token, code, verifier, ticket or key is printed by any command but "auth token", "auth git-credential" and "auth exec-credential", ' +
        'which exist to do so, and "api", which prints what the service answers. If a service quotes one of them as it was sent, it is replaced in ' +
        "every message. --debug and crash reports show name, code, message and stack of a cause; --verbose shows no body, and values of those " +
        "headers and parameters alone that are known to be harmless.",
    },
  ];
}

export function text(identity: Identity): string {
  return `What holds. Each claim has a name, and a test of the same name that attacks it. "${identity.command} auth doctor" names those that do not
hold on this system.

${securityClaims(identity)
  .map(({ id, text }) => `- ${id}: ${text}`)
  .join("\n")}

What is not protected:

- Your own programs, on your own machine, while you are logged in, can do what you can do: run "auth token", read the memory of your
  processes or, with the encrypted file and no passphrase, read the secret of its key.
- An administrator of the machine can do all of that too.
- A service on this machine in plain http. Another user can take its port while it is not running, and gets what is sent there, tokens
  included.
- A folder whose node_modules/.bin has a program of this name: "npx" runs it.
- A hostile issuer can register your redirect address at another server that lets anybody do so (RFC 7591). If redirects there do not name
  the server (RFC 9207), it can send your browser there and get that session. The login says at which host to approve: do so nowhere else.
- Two services with the default endpoints share one redirect path. If you log in to a hostile one, and the other's redirects do not name
  it (RFC 9207), it can send your browser there and get that session.
- A resource gets a token of the issuer that it names, with the scope that it asks for. Where that issuer does not limit tokens to one
  resource (RFC 8707), the resource can use it elsewhere: the login names both before it begins.
- Who can change a cluster's kubeconfig entry, certificate authority or proxy gets what kubectl sends there.
- An access token that leaked is good until it expires, unless it is bound to a key (DPoP).
- A session that was copied together with its key is a second holder of one refresh token. At a service that detects reuse, the first
  refresh by the second holder ends the session for both, which is how you notice.
- On macOS with BROWSER set, another user who reads the process list and is quicker than your browser can log you in to their own account.
  "Logged in as" names it. Without BROWSER, no command line has the address.
- A socket of "auth agent" that was stolen with its secret is worth what you can do at the service, until the agent ends, and then until the
  last token expires. It never gives a refresh token or a key, so nothing of it lasts.
- Another of your programs can deny you service: it can hold the lock, fill the disk or occupy ports.`;
}

import type { Identity } from "../../base/identity.ts";

/** How a job or a pod gets tokens without a stored secret. */
export function text({ name, command, variable }: Identity): string {
  return `CI platforms and clusters vouch for each job with a signed token. With ${variable("IDENTITY")} each command exchanges it
at the issuer for an access token (RFC 8693, RFC 7523). That is kept in memory only, so there is no secret to store or to leak.

The issuer must trust the platform: its "iss", the "sub" of the job, and itself as the "aud". Failures say which side refused, and quote
these three.

GitHub Actions:

    permissions: { id-token: write, contents: read }
    env: { ${variable("IDENTITY")}: github-actions, ${variable("SAAS_URL")}: "https://service.example" }

The token's audience is the issuer. "github-actions:AUDIENCE" names another.

GitLab:

    id_tokens: { ${variable("ID_TOKEN")}: { aud: "https://service.example" } }
    variables: { ${variable("IDENTITY")}: gitlab, ${variable("SAAS_URL")}: "https://service.example" }

"gitlab:NAME" reads another variable.

Kubernetes, for the file /var/run/secrets/tokens/${name}:

    volumes:
      - name: tokens
        projected:
          sources: [{ serviceAccountToken: { path: ${name}, audience: "https://service.example" } }]

Mount it at /var/run/secrets/tokens, and set ${variable("IDENTITY")} to "kubernetes". "kubernetes:PATH" reads another file. The file is
read again for each exchange, so a rotated token is used.

Anywhere else, "file:PATH" reads a file and "command:/PATH/PROGRAM ARGUMENTS" runs a program, without a shell. It must print one token.

These variables say more, where the issuer needs it:

- ${variable("IDENTITY_ISSUER")}: the issuer, if it is not the service
- ${variable("IDENTITY_GRANT")}: "token-exchange" or "jwt-bearer", instead of what the issuer's metadata lists
- ${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}: what the access token is for
- ${variable("IDENTITY_SCOPE")}: its scopes
- ${variable("IDENTITY_TOKEN_TYPE")}: its kind, such as "jwt"

In a program: createAuth({ …, identity: "github-actions" }), or an object with "source" and the members above.

"${command} auth token" prints the access token for other programs. A process exchanges once for all its callers, and again shortly before
the token expires.`;
}

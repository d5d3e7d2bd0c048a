import type { Identity } from "../../base/identity.ts";

/** For jobs and pods: tokens without a stored secret. */
export function text({ name, command, variable }: Identity): string {
  return `CI platforms and clusters give each job a signed identity token. With ${variable("IDENTITY")}, each command exchanges it for an
access token at the issuer (RFC 8693, RFC 7523), in memory only. The issuer must trust the token's "iss", "sub" and "aud".

GitHub Actions:

    permissions: { id-token: write, contents: read }
    env: { ${variable("IDENTITY")}: github-actions, ${variable("SAAS_URL")}: "https://service.example" }

"github-actions:AUDIENCE" sets an audience other than the issuer.

GitLab:

    id_tokens: { ${variable("ID_TOKEN")}: { aud: "https://service.example" } }
    variables: { ${variable("IDENTITY")}: gitlab, ${variable("SAAS_URL")}: "https://service.example" }

"gitlab:NAME" reads another variable.

Kubernetes, for the file /var/run/secrets/tokens/${name}:

    volumes:
      - name: tokens
        projected:
          sources: [{ serviceAccountToken: { path: ${name}, audience: "https://service.example" } }]

Mount it at /var/run/secrets/tokens, and set ${variable("IDENTITY")} to "kubernetes", or to "kubernetes:PATH" for another file.

Elsewhere, "file:PATH" reads a file, and "command:/PATH/PROGRAM ARGUMENTS" runs a program, without a shell, that prints one token.

Some issuers need more:

- ${variable("IDENTITY_ISSUER")}: the issuer, if it is not the service
- ${variable("IDENTITY_GRANT")}: "token-exchange" or "jwt-bearer" (default: by the issuer's metadata)
- ${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}: audience and resource of the access token
- ${variable("IDENTITY_SCOPE")}: scopes
- ${variable("IDENTITY_TOKEN_TYPE")}: type of the identity token, such as "jwt"

In a program: createAuth({ …, identity: "github-actions" }), or an object with "source" and, if needed,
"issuer", "grant", "audience", "resource", "scope" and "tokenType".

Without an identity, pass a token in ${variable("ACCESS_TOKEN")}, or log in once where the home directory persists:

    export ${variable("STORAGE")}=file ${variable("PASSPHRASE")}=…
    ${command} auth login --headless`;
}

import type { Identity } from "../../base/identity.ts";

/** For jobs and pods: tokens without a stored secret. */
export function text({ name, command, variable }: Identity): string {
  return `CI platforms and clusters give each job a signed identity token. With ${variable("IDENTITY")}, each command exchanges it for an
access token (RFC 8693, RFC 7523), in memory only. The issuer must trust the token's "iss", "sub" and "aud".

GitHub Actions ("github-actions:AUDIENCE" sets an audience other than the issuer):

    permissions: { id-token: write, contents: read }
    env: { ${variable("IDENTITY")}: github-actions, ${variable("SAAS_URL")}: "https://service.example" }

GitLab ("gitlab:NAME" reads another variable):

    id_tokens: { ${variable("ID_TOKEN")}: { aud: "https://service.example" } }
    variables: { ${variable("IDENTITY")}: gitlab, ${variable("SAAS_URL")}: "https://service.example" }

Kubernetes, with "kubernetes" ("kubernetes:PATH" reads another file) and this volume, mounted at /var/run/secrets/tokens:

    volumes:
      - name: tokens
        projected:
          sources: [{ serviceAccountToken: { path: ${name}, audience: "https://service.example" } }]

Elsewhere, "file:PATH" reads a file, and "command:/PATH/PROGRAM ARGUMENTS" runs a program without a shell. The program must print the token.

Optional variables:

- ${variable("IDENTITY_ISSUER")}: issuer (default: the tool's own, or the service)
- ${variable("IDENTITY_GRANT")}: token-exchange or jwt-bearer (default: as in the issuer's metadata)
- ${variable("IDENTITY_AUDIENCE")}, ${variable("IDENTITY_RESOURCE")}: audience and resource of the access token
- ${variable("IDENTITY_SCOPE")}: scopes
- ${variable("IDENTITY_TOKEN_TYPE")}: type of the access token to request, such as jwt (default: the issuer's choice)

Without an identity token, pass an access token in ${variable("ACCESS_TOKEN")}, or log in once where the home directory persists:

    export ${variable("STORAGE")}=file ${variable("PASSPHRASE")}=…
    ${command} auth login --headless`;
}

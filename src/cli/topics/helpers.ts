import type { Identity } from "../../base/identity.ts";

/** How other programs get the token when they need one. */
export function text({ name, command }: Identity): string {
  return `Other programs ask for the token when they need one, so that nobody copies it. All get the same token, refreshed once for all,
and are told when it expires, so that none keeps it longer. It goes to the service only.

git, for the repositories of the service ("--undo" removes it again):

    ${command} auth setup-git

kubectl. The cluster must take the service's tokens:

    kubectl config set-credentials me --exec-command=${command} \\
      --exec-api-version=client.authentication.k8s.io/v1 \\
      --exec-interactive-mode=Never --exec-provide-cluster-info \\
      --exec-arg=auth,exec-credential,--cluster,https://cluster.example
    # where the cluster wants an ID token: --exec-arg=--token,id

Docker, Podman and Skopeo, for a registry on the service's host. They look for a program of this name on PATH:

    printf '#!/bin/sh\\nexec ${command} auth docker-credential "$@"\\n' > ~/.local/bin/docker-credential-${name}
    chmod +x ~/.local/bin/docker-credential-${name}
    # ~/.docker/config.json: { "credHelpers": { "service.example": "${name}" } }

Bazel 5.4 and later, with a program on PATH that is made in the same way from "auth bazel-credential":

    bazel build --credential_helper=service.example=bazel-credential-${name} //...

curl and wget. The token is in no process's arguments:

    ${command} auth token --header | curl -H @- https://service.example/api/v1/me

rclone, for WebDAV. It asks again when the token is refused:

    rclone lsf :webdav: --webdav-url https://service.example/dav \\
      --webdav-bearer-token-command "${command} auth token"

npm, for a registry on the service. The file has the name of the variable, not the token:

    npm config set //service.example/npm/:_authToken '\${NPM_TOKEN}'
    NPM_TOKEN="$(${command} auth token)" npm install

pip, for an index on the service:

    PIP_INDEX_URL="https://oauth2:$(${command} auth token)@service.example/simple/" pip install NAME

Google Cloud, with a login at an OpenID provider that the workforce or workload pool trusts:

    export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1
    # in the credential configuration: "credential_source":
    #   { "executable": { "command": "${command} auth google-credential" } }

AWS, with a login at an OpenID provider that the role trusts. A program, such as ~/.aws/service-credentials:

    #!/bin/sh
    ${command} auth token --id-token | aws sts assume-role-with-web-identity \
      --no-sign-request --role-arn "$1" --role-session-name "$(id -un)" \
      --web-identity-token file:///dev/stdin --output json --query 'Credentials.{
        Version: \`1\`, AccessKeyId: AccessKeyId, SecretAccessKey: SecretAccessKey,
        SessionToken: SessionToken, Expiration: Expiration}'

is named in ~/.aws/config, in the profile that uses it:

    credential_process = /home/me/.aws/service-credentials arn:aws:iam::123456789012:role/deploy

A program that finds the token refused says so, and gets another, once for all that say the same. git does that by itself, kubectl by asking
again within ten seconds. For any other:

    printf %s "$TOKEN" | ${command} auth token --rejected`;
}

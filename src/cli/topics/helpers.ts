import type { Identity } from "../../base/identity.ts";

/** How other programs get tokens. */
export function text({ name, command }: Identity): string {
  return `Other programs get a valid token when they need one. Docker, git and Bazel get it only for URLs of the service.

git, for the repositories of the service:

    ${command} auth setup-git

kubectl, for a cluster that accepts the issuer's tokens:

    kubectl config set-credentials me --exec-command=${command} \\
      --exec-api-version=client.authentication.k8s.io/v1 \\
      --exec-interactive-mode=Never --exec-provide-cluster-info \\
      --exec-arg=auth,exec-credential,--cluster,https://cluster.example
    # for an ID token: --exec-arg=--token,id

Docker, Podman and Skopeo, for a registry on the service's host:

    printf '#!/bin/sh\\nexec ${command} auth docker-credential "$@"\\n' > ~/.local/bin/docker-credential-${name}
    chmod +x ~/.local/bin/docker-credential-${name}
    # ~/.docker/config.json: { "credHelpers": { "service.example": "${name}" } }

Bazel 5.4 and later, with a program in PATH made in the same way, with bazel-credential instead of docker-credential:

    bazel build --credential_helper=service.example=bazel-credential-${name} //...

rclone, for WebDAV:

    rclone lsf :webdav: --webdav-url https://service.example/dav \\
      --webdav-bearer-token-command "${command} auth token"

npm, for a registry on the service:

    npm config set //service.example/npm/:_authToken '\${NPM_TOKEN}'
    NPM_TOKEN="$(${command} auth token)" npm install

pip, for an index on the service:

    PIP_INDEX_URL="https://oauth2:$(${command} auth token)@service.example/simple/" pip install NAME

Google Cloud, with a login at an issuer the pool trusts:

    export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1
    # in the credential configuration: "credential_source":
    #   { "executable": { "command": "${command} auth google-credential" } }

AWS, with a login at an issuer the role trusts. Write a program, such as ~/.aws/service-credentials, and make it executable ("chmod +x"):

    #!/bin/sh
    ${command} auth token --id-token | aws sts assume-role-with-web-identity \\
      --no-sign-request --role-arn "$1" --role-session-name "$(id -un)" \\
      --web-identity-token file:///dev/stdin --output json --query 'Credentials.{
        Version: \`1\`, AccessKeyId: AccessKeyId, SecretAccessKey: SecretAccessKey,
        SessionToken: SessionToken, Expiration: Expiration}'

and name it in ~/.aws/config:

    credential_process = /home/me/.aws/service-credentials arn:aws:iam::123456789012:role/deploy

After a rejection, git and kubectl get another token. For any other program:

    printf %s "$TOKEN" | ${command} auth token --rejected`;
}

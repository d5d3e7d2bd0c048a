import { isConfidential, withoutEndSlashes } from "../../../base/address.ts";
import { AuthError } from "../../../base/errors.ts";
import { parseJson } from "../../../http/json-members.ts";
import { isAskedAgain } from "../../asked-again.ts";
import { defineCommand, profileOption, usageError, type Command, type Context } from "../../command.ts";
import { credentialOf, idTokenOf } from "../../credential.ts";
import { isoTime } from "../../output.ts";

const apiVersion = "client.authentication.k8s.io/v1";

/** Kubernetes client authentication: kubectl reads an ExecCredential from standard output. */
export const command: Command = defineCommand({
  usage: "auth exec-credential",
  description:
    `Give kubectl an access token (ExecCredential of ${apiVersion}), for one cluster only. ` +
    "In the kubeconfig, set provideClusterInfo: true.",
  options: {
    cluster: { value: "URL", help: "cluster to give the token to" },
    "insecure-skip-tls-verify": { help: "allow an unverified certificate" },
    token: { value: "KIND", choices: ["access", "id"], help: "access (default), or id (ID token)" },
    ...profileOption,
  },
  examples: [
    [
      ({ command }) =>
        `kubectl config set-credentials me --exec-api-version=${apiVersion} --exec-interactive-mode=Never ` +
        `--exec-provide-cluster-info --exec-command=${command} ` +
        "--exec-arg=auth,exec-credential,--cluster,https://cluster.example",
      "set up kubectl",
    ],
    ["auth exec-credential", "show what kubectl gets"],
  ],
  async run(context, values) {
    const info = context.app.env["KUBERNETES_EXEC_INFO"];
    // Missing when the user runs it, not a Kubernetes client.
    if (info) checkAsker(info, values.cluster, values["insecure-skip-tls-verify"] === true);
    const { token: kind = "access" } = values;
    if (kind !== "access" && kind !== "id")
      throw usageError(`--token is "${kind}", not access or id`, "Try: --token id");
    const tokenOf: (context: Context, rejected?: string) => Promise<{ token: string; expiresAt: number | undefined }> =
      kind === "id" ? idTokenOf : credentialOf;
    let { token, expiresAt } = await tokenOf(context);
    if (info && context.app.tokenSource === undefined && context.app.isLocal && isAskedAgain(context.app, token))
      ({ token, expiresAt } = await tokenOf(context, token));
    const status = { expirationTimestamp: isoTime(expiresAt), token };
    context.out.json({ apiVersion, kind: "ExecCredential", status });
  },
});

/**
 * The client says version and cluster. Any context of a kubeconfig can name any user: a token must not reach a cluster
 * that was combined with the wrong one (S-010).
 */
function checkAsker(text: string, cluster: string | undefined, isUnverifiedFine: boolean): void {
  const refuse = (what: string, fix: string): AuthError =>
    new AuthError("configuration_invalid", what, { hint: `In the kubeconfig, ${fix}` });
  const info = parseJson(text) as
    | { apiVersion?: unknown; spec?: { cluster?: { server?: unknown; "insecure-skip-tls-verify"?: unknown } } }
    | null
    | undefined;
  const version = info?.apiVersion;
  if (version !== apiVersion) {
    const found = typeof version === "string" ? `requests "${version}"` : "names no version";
    throw refuse(
      `KUBERNETES_EXEC_INFO ${found}, but this command responds with "${apiVersion}"`,
      `set apiVersion: ${apiVersion} in the exec section`,
    );
  }
  const server = addressOf(info?.spec?.cluster?.server);
  if (server === undefined) throw refuse("the client does not name its cluster", "set provideClusterInfo: true");
  if (cluster === undefined)
    throw refuse(
      `the client requests a token for the cluster ${server}, and --cluster is not set`,
      'add "--cluster" and the URL of the cluster to args',
    );
  if (addressOf(cluster) !== server)
    throw refuse(`the token is for the cluster ${cluster}, not for ${server}`, "give this cluster a user of its own");
  // Anything but false: a client may omit it for no.
  if ((info?.spec?.cluster?.["insecure-skip-tls-verify"] ?? false) !== false && !isUnverifiedFine)
    throw refuse(
      `the client does not verify the certificate of the cluster ${server}, so the token could be stolen`,
      "set certificate-authority, or add --insecure-skip-tls-verify to args",
    );
  if (!isConfidential(new URL(server)))
    throw refuse(`the cluster ${server} would get the token over plain http`, "set an https: URL as the server");
}

function addressOf(value: unknown): string | undefined {
  return typeof value === "string" && URL.canParse(value) ? withoutEndSlashes(new URL(value).href) : undefined;
}

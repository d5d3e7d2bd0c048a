import { AuthError } from "../../../base/errors.ts";
import { defineCommand, profileOption, type Command } from "../../command.ts";
import { credentialOf } from "../../credential.ts";
import type { ExecCredential } from "../../json-output.ts";

const apiVersion = "client.authentication.k8s.io/v1";

/** Kubernetes client authentication: kubectl runs this command and reads an ExecCredential from its standard output. */
export const execCredential: Command = defineCommand({
  usage: "auth exec-credential",
  description:
    `A credential plugin for kubectl: prints an access token as an ExecCredential of ${apiVersion}. ` +
    "The kubeconfig that runs this command decides which cluster receives it.",
  options: { ...profileOption },
  examples: [
    [
      ({ command }) => `kubectl config set-credentials me --exec-api-version=${apiVersion} --exec-command=${command} --exec-arg=auth,exec-credential`,
      "make kubectl use it",
    ],
    ["auth exec-credential", "show what kubectl would get"],
  ],
  async run(context) {
    checkVersion(context.app.env["KUBERNETES_EXEC_INFO"]);
    const { token, expiresAt } = await credentialOf(context);
    const answer: ExecCredential = {
      apiVersion,
      kind: "ExecCredential",
      status: { ...(expiresAt !== undefined && { expirationTimestamp: new Date(expiresAt).toISOString() }), token },
    };
    context.out.json(answer);
  },
});

/** The client says in this variable what it wants; it rejects an answer of another version than the one it named. */
function checkVersion(info: string | undefined): void {
  if (!info) return;
  let asked: unknown;
  try {
    asked = (JSON.parse(info) as { apiVersion?: unknown } | null)?.apiVersion;
  } catch {
    asked = undefined;
  }
  if (asked === apiVersion) return;
  const found = typeof asked === "string" ? `asks for "${asked}"` : "names no version";
  throw new AuthError("configuration_invalid", `KUBERNETES_EXEC_INFO ${found}, but this command answers with "${apiVersion}"`, {
    hint: `Set apiVersion in the exec section of the kubeconfig: ${apiVersion}`,
  });
}

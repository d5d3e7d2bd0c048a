import { AuthError } from "../../../base/errors.ts";
import type { ExecCredential } from "../../json-output.ts";
import { credentialOf } from "../../credential.ts";
import { defineCommand, profileOption, type Command } from "../../command.ts";

const apiVersion = "client.authentication.k8s.io/v1";

/** Kubernetes' client authentication: kubectl runs this command, and reads an ExecCredential from its standard output. */
export const execCredential: Command = defineCommand({
  usage: "auth exec-credential",
  description: `Print an access token as Kubernetes clients take it, an ExecCredential of ${apiVersion}.\nWho is given it is named by the kubeconfig that calls this command.`,
  options: { ...profileOption },
  examples: [
    [`kubectl config set-credentials me --exec-api-version=${apiVersion} --exec-command=spec-kitty --exec-arg=auth,exec-credential`, "let kubectl ask"],
    ["spec-kitty auth exec-credential", "what kubectl would get"],
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

/** The client says what it wants in this variable; it takes no answer of another version than the one it named. */
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
  throw new AuthError("configuration_invalid", `KUBERNETES_EXEC_INFO ${found}, and "${apiVersion}" is what this command answers`, {
    hint: `Set apiVersion in the exec section of the kubeconfig: ${apiVersion}`,
  });
}

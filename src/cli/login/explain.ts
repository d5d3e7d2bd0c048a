import { wantedStorage } from "../../app/login/consent.ts";
import type { LoginPlan } from "../../app/login/plan.ts";
import type { Context } from "../command.ts";
import { columns, type Row } from "../format.ts";
import type { JsonOutput } from "../json-output.ts";
import type { Printed } from "../output.ts";

export function explainLogin({ app, out }: Context, planned: LoginPlan, json: boolean): void {
  const { login, reason, signals, opens, name, source, known, profile, registersAt, redirectHost, request } = planned;
  const { server, scope, resource } = request;
  const isDevice = login === "device";
  const storage = wantedStorage(app);
  const explanation: Printed<JsonOutput["auth login --explain"]> = {
    login,
    reason,
    signals,
    opens,
    profile: name,
    profileSource: source,
    isNew: known === undefined,
    isLoggedIn: planned.already !== undefined,
    service: profile.service,
    issuer: server.issuer,
    clientId: registersAt === undefined ? profile.clientId : undefined,
    scope,
    resource,
    tokenType: planned.binds ? "DPoP" : "Bearer",
    redirectUri: isDevice ? undefined : `http://${redirectHost}:${planned.port ?? "PORT"}${request.redirectPath}`,
    endpoints: {
      login: (isDevice ? server.device_authorization_endpoint : undefined) ?? server.authorization_endpoint,
      token: server.token_endpoint,
      registration: registersAt,
    },
    storage,
  };
  if (json) return out.json(explanation);
  out.answer(`${isDevice ? "Device" : "Browser"} login, because ${reason}.`);
  for (const { name, value, meaning } of signals)
    out.answer(`  ${name} ${value === "" ? "is not set" : `= ${value}`}: ${meaning.replace(/ \([^()]*\)$/, "")}`);
  const rows: Row[] = [
    ["Profile", `${name} (${source}), ${known === undefined ? "new" : planned.already ? "logged in" : "logged out"}`],
    ["Service", profile.service],
    ["Issuer", server.issuer],
    ["Client", explanation.clientId ?? `registered for this login at ${registersAt}`],
    ["Scope", scope || "left to the issuer"],
    ["Resource", resource],
    ["Begins at", explanation.endpoints.login],
    ["Returns to", explanation.redirectUri],
    ["Tokens from", `${server.token_endpoint}${planned.binds ? ", bound to a key" : ""}`],
    ["Storage", storage],
  ];
  out.answer(columns(rows));
}

import { Secret } from "../../base/secret.ts";
import { memberReader, number, text } from "../../http/json-members.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";

/** RFC 7591 §3.2.1. */
interface RegisteredClient {
  readonly client_id: string;
  /** Some servers give one to public clients too. */
  readonly client_secret: Secret | undefined;
  /** In seconds since 1970; 0 for never. */
  readonly client_secret_expires_at: number;
}

/** As a public native client. */
export async function registerClient(
  endpoint: string,
  client: {
    client_name: string;
    software_id: string;
    software_version: string;
    redirect_uris: readonly string[];
    scope: string | undefined;
  },
  options: ExchangeOptions,
): Promise<RegisteredClient> {
  const metadata = {
    ...client,
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  return registrationResponse(
    await send(
      endpoint,
      { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(metadata) },
      options,
    ),
  );
}

async function registrationResponse(response: Response): Promise<RegisteredClient> {
  const body = await readJsonObject(response);
  // 201 by the RFC; some answer 200.
  if (!response.ok) throw serviceFailure(response, body);
  if (body === undefined) throw invalidAnswer(response, "responded to the registration without a JSON object");
  const { required, optional } = memberReader(body, (name, expected) =>
    invalidAnswer(response, `sent a registration whose "${name}" is not ${expected}`),
  );
  const secret = optional("client_secret", text);
  return {
    client_id: required("client_id", text),
    client_secret: secret === undefined ? undefined : new Secret(secret),
    client_secret_expires_at: (secret && optional("client_secret_expires_at", number)) || 0,
  };
}

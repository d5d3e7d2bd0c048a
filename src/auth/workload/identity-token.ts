import { isConfidential } from "../../base/address.ts";
import { AuthError, reasonOf, ServiceError, type Hint } from "../../base/errors.ts";
import type { Identity } from "../../base/identity.ts";
import { Secret } from "../../base/secret.ts";
import { isJsonObject, parseJson, textOf } from "../../http/json-members.ts";
import { invalidAnswer, readJsonObject, send, serviceFailure, type ExchangeOptions } from "../../http/request.ts";
import { outputOf, ProgramFailed } from "../../platform/named-program.ts";
import type { Environment } from "../../platform/paths.ts";
import { readUserFile } from "../../platform/user-files.ts";
import type { IdentitySource } from "./identity-source.ts";

export interface IdentityWorld extends ExchangeOptions {
  readonly tool: Identity;
  /** Of the process, secrets included. */
  readonly variable: (name: string) => string | undefined;
  /** For a program: without secrets. */
  readonly env: Environment;
}

/** Far above any token. */
const mostBytes = 64 * 1024;
/** A program may use the network. */
const programLimitMs = 30_000;

export function sourceName(source: IdentitySource): string {
  switch (source.kind) {
    case "github-actions":
      return "GitHub Actions";
    case "gitlab":
      return "GitLab";
    case "kubernetes":
      return "Kubernetes";
    case "file":
      return `"${source.path}"`;
    case "command":
      return `"${source.program}"`;
  }
}

/**
 * Each time anew: platforms issue identity tokens for minutes, and replace files as they expire.
 *
 * @param issuer - the audience, where the job can choose. With another one, a token could be presented elsewhere
 * @throws {@link AuthError} with the source's name in front: `configuration_invalid` where it has none to give,
 *   `network_unavailable`, `service_…`, `timed_out`
 */
export async function identityToken(source: IdentitySource, issuer: string, world: IdentityWorld): Promise<Secret> {
  try {
    const text = (await readSource(source, issuer, world)).trim();
    // Not quoted: it may be another kind of secret.
    if (!/^[\w-]+(\.[\w-]+){2,4}$/.test(text))
      throw missing("its value is not a JWT", "Name the source of the platform's own identity token");
    return new Secret(text);
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    throw new ServiceError(error.code, `${sourceName(source)} gave no identity token: ${error.message}`, {
      ...(error instanceof ServiceError && {
        status: error.status,
        error: error.error,
        retryAfterMs: error.retryAfterMs,
      }),
      hint: error.next,
      cause: error,
    });
  }
}

function readSource(source: IdentitySource, issuer: string, world: IdentityWorld): Promise<string> {
  switch (source.kind) {
    case "github-actions":
      return askGitHub(source.audience ?? issuer, world);
    case "gitlab":
      return readVariable(source.variable ?? world.tool.variable("ID_TOKEN"), world);
    case "kubernetes":
      return readToken(
        source.path ?? `/var/run/secrets/tokens/${world.tool.name}`,
        "Mount a serviceAccountToken volume with the issuer as its audience",
      );
    case "file":
      return readToken(source.path, "Name a file with an identity token");
    case "command":
      return runProgram(source, world);
  }
}

/** GitHub, "OpenID Connect reference": the runner has its own URL, and a token for it, valid for this job. */
async function askGitHub(audience: string, world: IdentityWorld): Promise<string> {
  const [address, token] = ["URL", "TOKEN"].map((what) => world.variable(`ACTIONS_ID_TOKEN_REQUEST_${what}`));
  if (!address || !token)
    throw missing("ACTIONS_ID_TOKEN_REQUEST_URL is not set", "Add to the job: permissions: { id-token: write }");
  if (!URL.canParse(address) || !isConfidential(new URL(address)))
    throw missing("ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL", "Run the job on a GitHub runner");
  const url = new URL(address);
  url.searchParams.set("audience", audience);
  const request = new Secret(token);
  const response = await send(
    url.href,
    { method: "GET", headers: { authorization: `Bearer ${request.reveal()}` } },
    world,
  );
  const body = await readJsonObject(response);
  if (!response.ok) throw serviceFailure(response, body);
  return textOf(body?.["value"]) ?? raise(invalidAnswer(response, 'responded without a "value"'));
}

async function readVariable(name: string, { variable }: IdentityWorld): Promise<string> {
  return variable(name) || raise(missing(`${name} is not set`, `Add to the job: id_tokens: { ${name}: { aud: … } }`));
}

async function readToken(path: string, fix: string): Promise<string> {
  try {
    return readUserFile(path, mostBytes).toString("utf8");
  } catch (cause) {
    throw cause instanceof AuthError ? cause : missing(`cannot read "${path}" (${reasonOf(cause)})`, fix);
  }
}

async function runProgram(
  { program, args }: Extract<IdentitySource, { kind: "command" }>,
  { env, clock, signal }: IdentityWorld,
): Promise<string> {
  const limit = clock.timeout(programLimitMs);
  try {
    return await outputOf(program, args, {
      env,
      mostBytes,
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (limit.aborted)
      throw new AuthError("timed_out", `it took more than ${programLimitMs / 1000} s`, { hint: "Run it by hand" });
    const why = cause instanceof ProgramFailed ? `it ${cause.message}` : `it did not start (${reasonOf(cause)})`;
    throw missing(why, "Run it by hand: it must print one identity token only");
  }
}

function missing(what: string, fix: Hint | string): AuthError {
  return new AuthError("configuration_invalid", what, { hint: fix });
}

function raise(error: Error): never {
  throw error;
}

/** What an issuer compares. Unverified, and no secret. */
export function claimsOf(token: Secret): string {
  const claims = parseJson(Buffer.from(token.reveal().split(".")[1] ?? "", "base64url").toString("utf8"));
  const shown = (name: string): string | undefined => {
    const value = isJsonObject(claims) ? claims[name] : undefined;
    return value === undefined ? undefined : `${name} ${JSON.stringify(value)}`;
  };
  return ["iss", "sub", "aud"].flatMap((name) => shown(name) ?? []).join(", ");
}

import { randomBytes } from "node:crypto";
import { Agent, request as httpRequest, type RequestOptions } from "node:http";
import { hostname } from "node:os";
import { AuthError, hint, isAuthErrorCode, reasonOf, systemErrorCode, type KnownErrorCode } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type * as runtime from "../base/runtime-types.ts";
import type { HeldToken } from "../auth/token-manager/freshness.ts";
import type { AccessTokenOptions } from "../auth/token-manager/access-token.ts";
import { isJsonObject, parseJson, textOf, type JsonObject } from "../http/json-members.ts";
import type { Clock } from "../platform/clock.ts";
import { userName } from "../platform/paths.ts";
import type { AgentPlace } from "./address.ts";
import {
  loanPath,
  openedResponse,
  proofPath,
  requestProof,
  tokenPath,
  type Loan,
  type ProofQuestion,
  type TokenQuestion,
} from "./protocol.ts";

interface AgentClient {
  loan(): Promise<Loan>;
  /** Times are by this machine's clock. */
  token(need: AccessTokenOptions): Promise<HeldToken>;
}

/** The agent may wait for a slow service or its user; a stopped one must not block its clients forever. */
const limitMs = 180_000;
const mostBytes = 1024 * 1024;

/**
 * @param origin - the variable
 * @param userAgent - names the program
 */
export function agentClient(
  { place, secret }: { place: AgentPlace; secret: Secret },
  { origin, userAgent, clock }: { origin: string; userAgent: string; clock: Clock },
): AgentClient {
  // One connection per process: with `--confirm`, the user is asked once.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { from: `${userName()}@${hostname()}`, "user-agent": userAgent, "content-type": "application/json" };
  const { protocol, hostname: host, port } = new URL("socket" in place ? "http://agent" : place.origin);
  const where = { protocol, host, port, ...("socket" in place && { socketPath: place.socket }) };
  const ask = async (method: "GET" | "POST", path: string, question?: object): Promise<JsonObject> => {
    const body = question && JSON.stringify(question);
    const nonce = randomBytes(16).toString("base64url");
    const authorization = `HMAC ${nonce} ${requestProof(secret, nonce, method, path)}`;
    const { status, sealed } = await exchange(
      { ...where, agent, method, path, headers: { ...headers, authorization } },
      body,
      clock.timeout(limitMs),
    ).catch((cause: unknown) => {
      const gone = `the agent named by ${origin} does not respond (${reasonOf(cause)})`;
      throw new AuthError("network_unavailable", gone, {
        hint: hint`Start it again on the machine with the login: ${{ command: "auth agent" }}. Set ${origin} here to the value it prints`,
        cause,
      });
    });
    const text = openedResponse(secret, nonce, status, sealed);
    if (text === undefined) throw notTheAgent(origin);
    const answer = parseJson(text);
    if (status === 200 && isJsonObject(answer)) return answer;
    throw refusal(status, isJsonObject(answer) ? answer : {}, origin);
  };
  return {
    async loan() {
      const loan = await ask("GET", loanPath);
      const { host, service, profile, user } = loan;
      const isLoan = [host, service, profile].every((text) => typeof text === "string") && isJsonObject(user);
      if (!isLoan || typeof user["id"] !== "string" || !Array.isArray(loan["teams"]))
        throw new AuthError("service_answer_invalid", `${origin} does not name an agent`, {
          hint: hint`Run this on the machine with the login, and set ${origin} here to the value it prints: ${{ command: "auth agent" }}`,
        });
      return loan as unknown as Loan;
    },
    async token({ minValidityMs, rejected }) {
      const question: TokenQuestion = {
        ...(minValidityMs !== undefined && { min_validity: minValidityMs / 1000 }),
        ...(rejected !== undefined && { rejected }),
      };
      const { access_token, token_type, expires_in } = await ask("POST", tokenPath, question);
      if (typeof access_token !== "string" || (token_type !== "Bearer" && token_type !== "DPoP"))
        throw new AuthError("service_answer_invalid", `the agent named by ${origin} responded without a token`, {
          hint: hint`Install the same version on both machines, then start the agent again: ${{ command: "auth agent" }}`,
        });
      const issuedAt = clock.now();
      return {
        accessToken: new Secret(access_token),
        tokenType: token_type,
        clockOffsetMs: 0,
        issuedAt,
        accessTokenExpiresAt: typeof expires_in === "number" ? issuedAt + expires_in * 1000 : undefined,
        prove: async ({ htm, htu, access_token, nonce }) => {
          const { dpop } = await ask("POST", proofPath, {
            htm,
            htu: String(htu),
            access_token,
            nonce,
          } satisfies ProofQuestion);
          return textOf(dpop) ?? "";
        },
      };
    },
  };
}

/** Not `fetch`, which has no Unix sockets; never through a proxy. */
function exchange(
  options: RequestOptions,
  body: string | undefined,
  signal: runtime.AbortSignal,
): Promise<{ status: number; sealed: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...options, signal }, (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        size += piece.length;
        if (size > mostBytes) request.destroy(new Error("the response is too long"));
      });
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, sealed: Buffer.concat(pieces) }));
    });
    request.once("error", (error) => {
      // The kept connection was closed before this request, as by a reopened tunnel.
      if (request.reusedSocket && systemErrorCode(error) === "ECONNRESET") resolve(exchange(options, body, signal));
      else reject(error);
    });
    request.end(body);
  });
}

/** It may have another secret, or be anything else: nothing of it is believed or shown. */
function notTheAgent(origin: string): AuthError {
  return new AuthError("configuration_invalid", `the agent rejected the secret in ${origin}`, {
    hint: hint`Set ${origin} to the value printed by the running ${{ command: "auth agent" }}`,
  });
}

function refusal(status: number, { error, error_description }: JsonObject, origin: string): AuthError {
  const what = textOf(error_description) ?? `it returned ${status}`;
  const code: KnownErrorCode = isAuthErrorCode(error) ? error : "service_answer_invalid";
  return new AuthError(code, `the agent named by ${origin} returned no token: ${what}`, {
    hint: hint`Run on the machine with the login: ${{ command: "auth status" }}`,
  });
}

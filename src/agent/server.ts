import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { AuthError, isAuthError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { isJsonObject, parseJson, textOf, type JsonObject } from "../http/json-members.ts";
import { limitSilentConnections } from "../platform/silent-connections.ts";
import {
  loanPath,
  proofPath,
  requestProof,
  sealedResponse,
  tokenPath,
  type LentProof,
  type LentToken,
  type Loan,
  type ProofQuestion,
  type Refusal,
  type TokenQuestion,
} from "./protocol.ts";

interface Lender {
  /** It alone decides on a shared socket and on a port. */
  readonly secret: Secret;
  loan(): Loan;
  token(question: TokenQuestion): Promise<LentToken>;
  proof(question: ProofQuestion): Promise<LentProof>;
  /** `who`: the client's own, unproved words. */
  allows(who: string): Promise<boolean>;
  gave(who: string, token: LentToken): void;
}

/** Far above any request. */
const mostBytes = 64 * 1024;

/**
 * Not listening yet.
 *
 * A client is a connection: its own words prove nothing, and Node cannot see its process. A client process opens one,
 * so with `--confirm` the user is asked once for each.
 */
export function agentServer(lender: Lender): Server {
  const answers = new WeakMap<Socket, Promise<boolean>>();
  const isAllowed = (request: IncomingMessage): Promise<boolean> => {
    const known = answers.get(request.socket) ?? lender.allows(whoOf(request));
    answers.set(request.socket, known);
    return known;
  };
  const server = createServer((request, response) => {
    const known = knownClient(request, lender.secret);
    if (known !== undefined) heard(request.socket);
    // Otherwise an endless body would be read to its end.
    else response.shouldKeepAlive = false;
    answer(request, known !== undefined, lender, isAllowed)
      .catch((error: unknown) => failure(error))
      .then(({ status, body }) => send(response, status, body, known?.sealed))
      .catch(() => response.destroy());
  });
  // Every user can open connections to a port or a shared socket.
  const heard = limitSilentConnections(server);
  // A client may be silent for the life of its token, and must not cause another question.
  server.keepAliveTimeout = 0;
  return server;
}

interface Answer {
  readonly status: number;
  readonly body: Loan | LentToken | LentProof | Refusal;
}

/**
 * How responses are sealed for a client that proves to know the secret; not at all if it sent it. Undefined for others.
 */
function knownClient(
  { method = "", url = "", headers: { authorization = "" } }: IncomingMessage,
  secret: Secret,
): { readonly sealed?: (status: number, body: string) => Buffer } | undefined {
  const [, bearer, nonce = "", proof = ""] =
    /^(?:Bearer (\S+)|HMAC ([\w-]{22,64}) ([\w-]{43}))$/i.exec(authorization) ?? [];
  if (bearer !== undefined) return secret.matches(bearer) ? {} : undefined;
  const isKnown = nonce !== "" && new Secret(requestProof(secret, nonce, method, url)).matches(proof);
  return isKnown ? { sealed: (status, body) => sealedResponse(secret, nonce, status, body) } : undefined;
}

async function answer(
  request: IncomingMessage,
  isKnown: boolean,
  lender: Lender,
  isAllowed: (request: IncomingMessage) => Promise<boolean>,
): Promise<Answer> {
  // Without the secret, not even the existence of a path shows. Web pages cannot send it without a permission (CORS)
  // that is never given.
  if (!isKnown) return refusal(401, "unauthorized", "the secret is missing or wrong");
  const { pathname } = new URL(request.url ?? "", "http://agent");
  const asked = `${request.method} ${pathname}`;
  if (![`GET ${loanPath}`, `POST ${tokenPath}`, `POST ${proofPath}`].includes(asked))
    return refusal(404, "not_found", `this version of the protocol has no ${asked}`);
  const question = await readQuestion(request);
  if (question === undefined) return refusal(400, "usage_invalid", "the request is not a JSON object, or is too large");
  if (!(await isAllowed(request))) return refusal(403, "access_denied", "the user denied it on the agent's terminal");
  switch (pathname) {
    case tokenPath: {
      const token = await lender.token(tokenQuestion(question));
      lender.gave(whoOf(request), token);
      return { status: 200, body: token };
    }
    case proofPath:
      return { status: 200, body: await lender.proof(proofQuestion(question)) };
    default:
      return { status: 200, body: lender.loan() };
  }
}

function tokenQuestion({ min_validity, rejected }: JsonObject): TokenQuestion {
  return {
    ...(typeof min_validity === "number" && min_validity >= 0 && { min_validity }),
    ...(typeof rejected === "string" && { rejected }),
  };
}

function proofQuestion({ htm, htu, access_token, nonce }: JsonObject): ProofQuestion {
  if (typeof htm !== "string" || typeof htu !== "string")
    throw new AuthError("usage_invalid", 'the request has no "htm" or no "htu"', {
      hint: 'Send the method as "htm", and the URL as "htu"',
    });
  return { htm, htu, access_token: textOf(access_token), nonce: textOf(nonce) };
}

/** An empty body is an empty object. */
async function readQuestion(request: IncomingMessage): Promise<JsonObject | undefined> {
  const pieces: Buffer[] = [];
  let left = mostBytes;
  for await (const piece of request as AsyncIterable<Buffer>) {
    left -= piece.length;
    if (left < 0) return undefined;
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString("utf8").trim();
  const value = text === "" ? {} : parseJson(text);
  return isJsonObject(value) ? value : undefined;
}

/** A client's own words, such as `root@container`. */
function whoOf({ headers }: IncomingMessage): string {
  return headers.from ?? headers["user-agent"] ?? "an unnamed client";
}

function failure(error: unknown): Answer {
  // A bug concerns only the agent.
  if (!isAuthError(error)) return refusal(500, "service_unavailable", "the agent failed");
  const { code, message } = error;
  return refusal(code === "usage_invalid" ? 400 : 409, code, message);
}

function refusal(status: number, error: Refusal["error"], error_description: string): Answer {
  return { status, body: { error, error_description } };
}

function send(
  response: ServerResponse,
  status: number,
  body: object,
  sealed?: (status: number, body: string) => Buffer,
): void {
  const text = `${JSON.stringify(body)}\n`;
  const type = sealed === undefined ? "application/json" : "application/octet-stream";
  response
    .writeHead(status, { "content-type": type, "cache-control": "no-store" })
    .end(sealed === undefined ? text : sealed(status, text));
}

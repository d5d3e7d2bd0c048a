import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { AuthError, isAuthError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { isJsonObject, parseJson, textOf, type JsonObject } from "../http/json-members.ts";
import {
  answerProof,
  loanPath,
  proofHeader,
  proofPath,
  requestProof,
  tokenPath,
  type LentProof,
  type LentToken,
  type Loan,
  type ProofQuestion,
  type Refusal,
  type TokenQuestion,
} from "./protocol.ts";

/** What an agent lends, and on which conditions. */
export interface Lender {
  /** Whoever knows it may borrow: on a shared socket and on a port it is all that decides. */
  readonly secret: Secret;
  loan(): Loan;
  token(question: TokenQuestion): Promise<LentToken>;
  proof(question: ProofQuestion): Promise<LentProof>;
  /** Whether a new client may borrow. `who`: what it says of itself, which proves nothing. */
  allows(who: string): Promise<boolean>;
  /** Told of each token that was given. */
  gave(who: string, token: LentToken): void;
}

/** No question comes near it. */
const mostBytes = 64 * 1024;

/**
 * The server of an agent. It does not listen yet.
 *
 * A client is a connection: nothing that a client says of itself is proof, and the kernel does not tell Node who is at the other end. So
 * with a question on the terminal each process is asked about once, as it opens one connection for all that it asks.
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
    answer(request, known !== undefined, lender, isAllowed)
      .catch((error: unknown) => failure(error))
      .then(({ status, body }) => send(response, status, body, known?.proof))
      .catch(() => response.destroy());
  });
  // A client may be silent for as long as its token lasts, and would be asked about again.
  server.keepAliveTimeout = 0;
  return server;
}

interface Answer {
  readonly status: number;
  readonly body: Loan | LentToken | LentProof | Refusal;
}

/** What a client that knows the secret wants to be shown of each answer, if anything. Undefined for any other. */
function knownClient(
  { method = "", url = "", headers: { authorization = "" } }: IncomingMessage,
  secret: Secret,
): { readonly proof?: (status: number, body: string) => string } | undefined {
  const [, bearer, nonce = "", proof = ""] =
    /^(?:Bearer (\S+)|HMAC ([\w-]{22,64}) ([\w-]{43}))$/i.exec(authorization) ?? [];
  if (bearer !== undefined) return secret.matches(bearer) ? {} : undefined;
  const isKnown = nonce !== "" && new Secret(requestProof(secret, nonce, method, url)).matches(proof);
  return isKnown ? { proof: (status, body) => answerProof(secret, nonce, status, body) } : undefined;
}

async function answer(
  request: IncomingMessage,
  isKnown: boolean,
  lender: Lender,
  isAllowed: (request: IncomingMessage) => Promise<boolean>,
): Promise<Answer> {
  // Before anything is read or asked: without it nobody learns even whether a path exists. A page in a browser cannot send it at all
  // without a permission (CORS) that is never given.
  if (!isKnown) return refusal(401, "unauthorized", "the secret is missing or wrong");
  const { pathname } = new URL(request.url ?? "", "http://agent");
  const asked = `${request.method} ${pathname}`;
  if (![`GET ${loanPath}`, `POST ${tokenPath}`, `POST ${proofPath}`].includes(asked))
    return refusal(404, "not_found", `there is no ${asked} in this version of the protocol`);
  const question = await readQuestion(request);
  if (question === undefined)
    return refusal(400, "usage_invalid", "the request is not a JSON object of a reasonable size");
  if (!(await isAllowed(request))) return refusal(403, "access_denied", "the user of the agent refused");
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
    throw new AuthError("usage_invalid", 'a proof needs a method, "htm", and a URL, "htu"', {
      hint: "Send both",
    });
  return { htm, htu, access_token: textOf(access_token), nonce: textOf(nonce) };
}

/** The JSON object of a request; an empty body is an empty one. Undefined for anything else. */
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

/** What a client says of itself, such as `root@container`: for people, who may know better. */
function whoOf({ headers }: IncomingMessage): string {
  return headers.from ?? headers["user-agent"] ?? "a client without a name";
}

function failure(error: unknown): Answer {
  // A bug is nobody's business but the agent's.
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
  proof?: (status: number, body: string) => string,
): void {
  const text = `${JSON.stringify(body)}\n`;
  const proven = proof && { [proofHeader]: proof(status, text) };
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...proven }).end(text);
}

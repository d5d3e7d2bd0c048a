import { createHmac } from "node:crypto";
import type { AuthErrorCode } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Team, UserInfo } from "../auth/oauth/user-info.ts";

/**
 * What goes over the socket of an agent: http with JSON, in the words of the RFCs, small enough for curl. Every request carries the secret
 * as a bearer token, or a {@link requestProof}. Paths begin with the version, so that a later one can be served next to this one.
 * `docs/agent.md` is its description.
 */

/** Whose login is lent: `GET`. */
export const loanPath = "/v1";
/** An access token: `POST` with a {@link TokenQuestion}, which may be left out. */
export const tokenPath = "/v1/token";
/** A proof of the key that the token is bound to (RFC 9449): `POST` with a {@link ProofQuestion}. */
export const proofPath = "/v1/proof";

/** The header of a response to a {@link requestProof}. */
export const proofHeader = "proof";

/**
 * That a client knows the secret, without giving it away. When an agent has ended, another user's program can take its port, or its name in
 * /tmp: as the answer to the secret itself it would give tokens of its own, and what is sent with them would go to that user. What does
 * not know the secret cannot make an {@link answerProof}.
 *
 * @param nonce - of the client, and used once: an old answer is none to a new request
 */
export function requestProof(secret: Secret, nonce: string, method: string, path: string): string {
  return mac(secret, `request\n${nonce}\n${method}\n${path}`);
}

/** That the agent knows it too, and that the answer is its own. `nonce`: that of the request. */
export function answerProof(secret: Secret, nonce: string, status: number, body: string): string {
  return mac(secret, `answer\n${nonce}\n${status}\n${body}`);
}

function mac(secret: Secret, text: string): string {
  return createHmac("sha256", secret.reveal()).update(text).digest("base64url");
}

/** Whose login an agent lends. */
export interface Loan {
  /** The name of the machine that the agent runs on. */
  readonly host: string;
  readonly profile: string;
  /** The address that the tokens go to, and no other. */
  readonly service: string;
  readonly user: Omit<UserInfo, "teams">;
  readonly teams: readonly Team[];
  /** The team that the user chose there; undefined leaves the choice to the borrower. */
  readonly team: string | null;
  /** For how many seconds more; null for as long as the agent runs. */
  readonly expires_in: number | null;
}

export interface TokenQuestion {
  /** For how many seconds the token must stay valid. */
  readonly min_validity?: number;
  /** A token that the service has just answered with 401. */
  readonly rejected?: string;
}

export interface LentToken {
  readonly access_token: string;
  readonly token_type: "Bearer" | "DPoP";
  /** In seconds; null when the service does not say. */
  readonly expires_in: number | null;
}

export interface ProofQuestion {
  readonly htm: string;
  readonly htu: string;
  readonly access_token?: string | undefined;
  readonly nonce?: string | undefined;
}

export interface LentProof {
  readonly dpop: string;
}

/** What is answered instead, with any status but 200. `unauthorized`: the secret is missing or wrong. */
export interface Refusal {
  readonly error: AuthErrorCode | "unauthorized" | "not_found";
  readonly error_description: string;
}

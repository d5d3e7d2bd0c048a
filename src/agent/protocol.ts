import { createHmac } from "node:crypto";
import { seal, unseal } from "../auth/secure-storage/data-key.ts";
import type { AuthErrorCode } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Lender } from "../auth/token-manager/token-source.ts";

/**
 * The protocol of an agent's socket: http with JSON, in the RFCs' words, small enough for curl. Every request carries
 * the secret as a bearer token, or a {@link requestProof}. Described in `docs/agent.md`.
 */

/** `GET`: whose login is lent. */
export const loanPath = "/v1";
/** `POST`, optionally with a {@link TokenQuestion}: an access token. */
export const tokenPath = "/v1/token";
/** `POST` with a {@link ProofQuestion}: a proof of the token's key (RFC 9449). */
export const proofPath = "/v1/proof";

/**
 * Proves that a client knows the secret without revealing it. After an agent or the tunnel to it has ended, another
 * user's program can take its port, or its name in /tmp: given the secret, it could serve its own tokens, and requests
 * with them would reach that user. It can also send the proof on to the agent, even when the tunnel is back: so what a
 * proof gets is for the client alone, see {@link sealedResponse}.
 *
 * @param nonce - the client's, used once: an old response does not fit a new request
 */
export function requestProof(secret: Secret, nonce: string, method: string, path: string): string {
  return createHmac("sha256", secret.reveal()).update(`request\n${nonce}\n${method}\n${path}`).digest("base64url");
}

/** Without the secret, nobody can read or make it. `nonce`: the request's. */
export function sealedResponse(secret: Secret, nonce: string, status: number, body: string): Buffer {
  return seal(body, Buffer.from(secret.reveal()), responseName(nonce, status));
}

/** Undefined for anything but a {@link sealedResponse}. */
export function openedResponse(secret: Secret, nonce: string, status: number, sealed: Buffer): string | undefined {
  return unseal(sealed, Buffer.from(secret.reveal()), responseName(nonce, status));
}

function responseName(nonce: string, status: number): string {
  return `answer ${nonce} ${status}`;
}

export interface Loan extends Omit<Lender, "team" | "until"> {
  /** Null: the borrower's choice. */
  readonly team: string | null;
  /** In seconds; null: as long as the agent runs. */
  readonly expires_in: number | null;
}

export interface TokenQuestion {
  /** In seconds. */
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

/** `unauthorized`: the secret is missing or wrong. */
export interface Refusal {
  readonly error: AuthErrorCode | "unauthorized" | "not_found";
  readonly error_description: string;
}

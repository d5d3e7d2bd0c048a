/** How an event was last received, and how often. */
export interface ReceivedEvent {
  readonly event: Record<string, unknown>;
  /** The name of the account. */
  readonly user: string;
  readonly team: string;
  readonly via: "batch" | "websocket";
  /** How often it crossed the wire, repeats included. */
  deliveries: number;
  /** Whether the service has taken it; a repeat after that is a `duplicate`. */
  taken: boolean;
  /** The last status answered. */
  status: string;
}

/** What the service says of one event; `"omit"` leaves it out of the results. */
export type Verdict = "omit" | { status: string; error?: string; error_message?: string; error_category?: string };

/** An uploaded artifact, and how often it was sent. */
export interface ReceivedArtifact {
  readonly body: Record<string, unknown>;
  /** The name of the account. */
  readonly user: string;
  uploads: number;
}

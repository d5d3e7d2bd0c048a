export interface ReceivedEvent {
  readonly event: Record<string, unknown>;
  readonly user: string;
  readonly team: string;
  readonly via: "batch" | "websocket";
  /** Repeats included. */
  deliveries: number;
  /** A repeat is then a `duplicate`. */
  taken: boolean;
  status: string;
}

/** `"omit"` leaves the event out of the results. */
export type Verdict = "omit" | { status: string; error?: string; error_message?: string; error_category?: string };

export interface ReceivedArtifact {
  readonly body: Record<string, unknown>;
  readonly user: string;
  uploads: number;
}

/** What processes share, in parts, as bits. */
export const parts = { sessions: 1, locks: 2, disk: 4, service: 8, ledger: 16, lives: 32 } as const;

/** The parts that a step has looked at, and those that it has changed. */
export interface Use {
  looks: number;
  changes: number;
}

import type { IssuerUser } from "../../src/app/testing/issuer.ts";

export type UserName = "alice" | "bob";

/** Fresh copies. Alice's private teamspace is second, so that "first team" and "private team" differ. */
export function createUsers(privateTeamspace: boolean): Record<UserName, IssuerUser> {
  const acme = { id: "tm_acme", name: "Acme Corp", role: "admin", is_private_teamspace: false };
  const own = { id: "tm_alice", name: "Alice's space", role: "owner", is_private_teamspace: true };
  return {
    alice: {
      user_id: "u_alice",
      email: "alice@example.com",
      name: "Alice",
      teams: privateTeamspace ? [acme, own] : [acme],
    },
    bob: {
      user_id: "u_bob",
      email: "bob@example.com",
      name: "Bob",
      teams: [{ id: "tm_bolt", name: "Bolt Ltd", role: "member", is_private_teamspace: false }],
    },
  };
}

export function isUserName(value: unknown): value is UserName {
  return value === "alice" || value === "bob";
}

export function isMember({ teams }: IssuerUser, team: string): boolean {
  return teams.some(({ id }) => id === team);
}

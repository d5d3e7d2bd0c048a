import { fromText, textOf, type Profile } from "../../src/auth/sessions/session.ts";
import { SharedSessions } from "../../src/auth/sessions/shared-sessions.ts";
import type { SharedStore } from "../../src/auth/sessions/shared-store.ts";
import type { StoredText } from "../helpers/shared-store.ts";
import { AuthError } from "../../src/base/errors.ts";
import type { Process } from "./process.ts";
import { parts } from "./use.ts";
import type { World } from "./world.ts";

const heard = "hear from the store";
/** Allowed silence of a holder, in milliseconds: a few looks of a waiter. */
export const silentAfterMs = 100;

const noHome = new AuthError("storage_unsafe", "no home", { hint: "" });

interface Stored {
  readonly profile: Profile;
  readonly intent?: { readonly id: string; readonly signs: number };
}

/** The shared store's one key, and the process whose intent is there. */
export class SharedPlace {
  holder: Process | undefined;
  readonly #world: World;
  #stored: StoredText | undefined;
  #versions = 0;
  #intent: string | undefined;
  #signs = 0;
  /** The last save. */
  #signedAt = 0;
  /** Processes that had the claim when the store acted for them last. */
  readonly #claimants = new Set<Process>();

  constructor(world: World, profile: Profile) {
    this.#world = world;
    this.#put(textOf({ profile }));
  }

  load(process: Process): StoredText | undefined {
    process.found ??= this.#world.stored?.login;
    this.#world.looksAt(parts.sessions);
    const isHolder = this.holder && this.holder === process;
    process.see([this.#stored?.version, isHolder, this.#signs].join());
    this.#actedFor(process);
    return this.#stored;
  }

  /** Whether the last that a process knows, and knows since just now, is that it has the claim. */
  hasJustSigned(process: Process): boolean {
    return process.did === heard && this.#claimants.has(process);
  }

  /** One step, as in a real store. The visible rule of the protocol: no takeover from a process at work. */
  save(process: Process, text: string | undefined, ifVersion: string | undefined): string | undefined {
    const world = this.#world;
    world.looksAt(parts.sessions);
    this.#claimants.delete(process);
    if (process.see(this.#stored?.version !== ifVersion)) return undefined;
    const { profile, intent } = text === undefined ? {} : fromText<Stored>(text);
    world.changes(parts.sessions);
    const before = this.holder;
    if (intent !== undefined && before !== undefined && intent.id !== this.#intent) {
      const silentMs = world.time - this.#signedAt;
      if (before !== process && silentMs <= silentAfterMs)
        world.ledger.violate(`${process.name} takes over from ${before.name}, which showed a sign ${silentMs} ms ago`);
      world.ledger.takenOver(before);
    }
    this.#intent = intent?.id;
    this.#signs = intent?.signs ?? 0;
    this.#signedAt = world.time;
    this.#put(text);
    const session = profile?.session;
    const isNew =
      session?.refreshToken?.reveal() !== world.stored?.refresh ||
      session?.accessToken.reveal() !== world.stored?.access;
    if (isNew) world.setProfile(process, profile);
    this.holder = intent === undefined ? undefined : process;
    this.#actedFor(process);
    return this.#stored?.version ?? "gone";
  }

  get state(): string {
    const { refresh, access } = this.#world.stored ?? {};
    return [
      this.#versions,
      this.#stored === undefined,
      refresh,
      access,
      this.holder?.name,
      this.#signs,
      this.#signedAt,
      [...this.#claimants].map(({ name }) => name),
    ].join();
  }

  #actedFor(process: Process): void {
    if (this.holder === process) this.#claimants.add(process);
    else this.#claimants.delete(process);
  }

  #put(text: string | undefined): void {
    const version = String((this.#versions += 1));
    this.#stored = text === undefined ? undefined : { text, version };
  }
}

/**
 * The real code, with the store as a process sees it: a call arrives, when the store acts; its response comes later, or
 * never.
 */
export function sharedSessions(process: Process, place: SharedPlace): SharedSessions {
  const isCutOff = (): boolean => process.cutOffSince !== undefined;
  const call = async <T>(what: string, act: () => T): Promise<T> => {
    const there = `${what} the store`;
    // When a lost call fails makes no difference.
    if (isCutOff()) throw new Error("cut off");
    if ((await process.wait(there, () => [isCutOff() ? "fails" : "arrives"])) === "fails") throw new Error("cut off");
    const answer = act();
    if ((await process.wait(heard, () => [isCutOff() ? "fails" : "goes on"])) === "fails") throw new Error("cut off");
    return answer;
  };
  const store: SharedStore = {
    load: () => call("ask", () => place.load(process)),
    save: (_, text, { ifVersion }) => call("tell", () => place.save(process, text, ifVersion)),
  };
  return new SharedSessions({
    store,
    sealer: { seal: async (_, text) => text, open: async (_, text) => text },
    clock: process.clock,
    tool: "simulation",
    login: "default",
    // A process knows only what it has seen of a login.
    machine: {
      digest: "",
      folder: () => {
        throw noHome;
      },
    },
    silentAfterMs,
    onWait: () => undefined,
  });
}

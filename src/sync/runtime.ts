import type * as runtime from "../base/runtime-types.ts";
import type { AuthorizedFetch } from "../auth/authorized-fetch.ts";
import { AuthError, NotAuthenticatedError, hint, login } from "../base/errors.ts";
import { type Background, onlyOneConnectionLeft, startBackground } from "./background.ts";
import type { DrainReport, Rejection } from "./event-drain.ts";
import type { ArtifactInput } from "./artifacts.ts";
import { createEmitter, type Emitter, type EmitReport, type EmitterOptions } from "./emitter.ts";
import type { EventInput } from "./events.ts";
import type { LiveClient } from "./live-client.ts";
import { createLamportClock } from "./lamport-clock.ts";
import { type Account, type Origin, SyncQueue } from "./queue.ts";
import { createUlidSource } from "./ulid.ts";

/** Notices of {@link SyncOptions.onNotice}. */
export type SyncNotice =
  | { kind: "emitted"; report: EmitReport }
  | { kind: "rejected"; rejection: Rejection }
  | { kind: "drained"; report: DrainReport };

/** Options of {@link createSyncRuntime}. */
export interface SyncOptions {
  /** For every event; its own members take precedence. */
  context?: Pick<EventInput, "project_uuid" | "project_slug" | "git_branch" | "head_commit_sha" | "repo_slug">;
  /** Sends events at once. */
  live?: LiveClient;
  /** Between background drains; 60,000 by default. */
  intervalMs?: number;
  /** Keeps the process alive; false by default. */
  keepAlive?: boolean;
  /** Its errors are ignored. */
  onNotice?: (notice: SyncNotice) => void;
}

/** @internal */
export interface SyncRuntimeOptions
  extends Omit<SyncOptions, "live">,
    Pick<EmitterOptions, "clock" | "nodeId" | "origin" | "live"> {
  folder: string;
  /** With the account's tokens only. */
  fetch: (account: Account) => AuthorizedFetch | Promise<AuthorizedFetch>;
  /**
   * Asks the service for the token's owner, if the origin has no account; undefined when not logged in. For drains,
   * never for emitting.
   */
  owner?: (origin: Origin, signal: AbortSignal | undefined) => Promise<Account | undefined>;
  /** Announces the end of the process; `process` by default. */
  exit?: {
    once(event: "beforeExit", listener: () => void): unknown;
    off(event: "beforeExit", listener: () => void): unknown;
  };
}

/** At the end of the process, in milliseconds. */
const finalFlushMs = 5000;

/** Made by {@link createSyncRuntime}. */
export interface SyncRuntime {
  /** For reading. @internal */
  readonly queue: SyncQueue;
  /** Queues an event, and never rejects. */
  emit(input: EventInput): Promise<EmitReport>;
  /**
   * Queues a file.
   * @throws {@link AuthError} `usage_invalid` when the service would never accept it, `storage_unwritable` when it
   *   cannot be queued
   */
  upload(input: ArtifactInput): Promise<void>;
  /** Drains in the background, and once more at the end of the process. */
  start(): void;
  /**
   * Sends what is queued for the current account.
   * @returns without an account, a report that says so
   * @throws the signal's reason, and {@link AuthError} when the queue cannot be read or written
   */
  flush(options?: {
    /** Ends the flush; the rest stays queued. */
    signal?: runtime.AbortSignal | undefined;
    /** For another process that drains the same queue; 60,000 by default. */
    waitMs?: number;
    onProgress?: (sent: Readonly<Pick<DrainReport, "events" | "artifacts">>) => void;
  }): Promise<DrainReport>;
  /** Ends the background drains and flushes once more, for at most 5 seconds; unsent events stay on disk. Never
   * rejects. */
  stop(): Promise<void>;
}

/** Reads and starts nothing before use. @internal */
export function syncRuntime(options: SyncRuntimeOptions): SyncRuntime {
  return new Runtime(options);
}

class Runtime implements SyncRuntime {
  readonly queue: SyncQueue;
  readonly #options: SyncRuntimeOptions;
  readonly #emit: Emitter;
  readonly #nextId: () => string;
  #background: Background | undefined;
  readonly #atExit: () => void = () => void this.stop();

  constructor(options: SyncRuntimeOptions) {
    const { folder, clock } = options;
    this.#options = options;
    this.queue = new SyncQueue(folder, clock);
    this.#nextId = createUlidSource(clock);
    const lamport = createLamportClock(folder, clock);
    this.#emit = createEmitter({ ...options, queue: this.queue, lamport, onQueued: () => this.#background?.wake() });
  }

  async emit(input: EventInput): Promise<EmitReport> {
    const report = await this.#emit(input);
    this.#notify({ kind: "emitted", report });
    return report;
  }

  async upload({ content, ...about }: ArtifactInput): Promise<void> {
    // The caller may change the content.
    const input = { ...about, content: Buffer.from(content) };
    const { artifactItem } = await import("./artifacts.ts");
    const item = artifactItem(input, this.#nextId(), this.#options.clock.now());
    await this.queue.scopeOf(await this.#options.origin()).artifacts.add([item]);
    this.#background?.wake();
  }

  start(): void {
    if (this.#background) return;
    const { clock, intervalMs = 60_000, keepAlive = false, exit = process } = this.#options;
    this.#background = startBackground({
      clock,
      intervalMs,
      keepAlive,
      isLast: onlyOneConnectionLeft,
      drain: (signal) => this.#drainQuietly(signal, 100),
    });
    exit.once("beforeExit", this.#atExit);
  }

  async flush({ signal, waitMs = 60_000, onProgress }: Parameters<SyncRuntime["flush"]>[0] = {}): Promise<DrainReport> {
    const { fetch, clock } = this.#options;
    const origin = await this.#options.origin();
    const account = origin.account ?? (await this.#ownerOf(origin, signal));
    if (account instanceof AuthError) return this.#unsent(origin, account);
    await this.queue.bind(origin.profile, account);
    const onRejected = (rejection: Rejection): void => this.#notify({ kind: "rejected", rejection });
    const { drainAccount } = await import("./drain.ts");
    const report = await drainAccount(this.queue, account, {
      fetch: await fetch(account),
      clock,
      signal,
      waitMs,
      onRejected,
      onProgress,
    });
    this.#notify({ kind: "drained", report });
    return report;
  }

  async stop(): Promise<void> {
    const { clock, exit = process } = this.#options;
    const background = this.#background;
    this.#background = undefined;
    exit.off("beforeExit", this.#atExit);
    if (background === undefined) return;
    const deadline = clock.timeout(finalFlushMs);
    if ((await background.stop(deadline)) && !deadline.aborted) await this.#drainQuietly(deadline, finalFlushMs);
  }

  async #drainQuietly(signal: AbortSignal, waitMs: number): Promise<AuthError | undefined> {
    try {
      return (await this.flush({ signal, waitMs })).failure;
    } catch (error) {
      return error instanceof AuthError
        ? error
        : new AuthError("interrupted", "cannot send the whole queue: the rest stays on disk", {
            hint: hint`Run: ${{ command: "sync now" }}`,
            cause: error,
          });
    }
  }

  async #ownerOf(origin: Origin, signal: AbortSignal | undefined): Promise<Account | AuthError> {
    try {
      return (
        (await this.#options.owner?.(origin, signal)) ??
        new NotAuthenticatedError("not logged in", { hint: hint`Run: ${login(origin.profile)}` })
      );
    } catch (error) {
      if (error instanceof AuthError && !signal?.aborted) return error;
      throw error;
    }
  }

  async #unsent(origin: Origin, cause: AuthError): Promise<DrainReport> {
    const { emptyReport, waiting } = await import("./drain.ts");
    const left = waiting(this.queue.scopeOf(origin));
    const isWaiting = cause instanceof NotAuthenticatedError && left > 0;
    const failure = isWaiting
      ? new NotAuthenticatedError(
          `${cause.message}, and ${left} ${left === 1 ? "entry is" : "entries are"} still queued`,
          { hint: cause.next },
        )
      : cause;
    return { ...emptyReport(), left, failure };
  }

  #notify(notice: SyncNotice): void {
    try {
      this.#options.onNotice?.(notice);
    } catch {
      // A listener must not break the work.
    }
  }
}

import { ManualClock as FakeClock } from "../../src/app/testing/clock.ts";
import type { Clock } from "../../src/platform/clock.ts";

/** Also tells each wait. */
export class ManualClock extends FakeClock {
  /** Every requested wait, in milliseconds. */
  readonly sleeps: number[] = [];
  onSleep: (ms: number) => unknown = () => undefined;

  constructor(start?: number) {
    super();
    if (start !== undefined) this.wall = start;
  }

  override async sleep(ms: number, options: Parameters<Clock["sleep"]>[1] = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.sleeps.push(ms);
    await this.onSleep(ms);
    await super.sleep(ms, options);
  }
}

import { systemClock, type Clock } from "../../src/platform/clock.ts";

/** The machine's clock, which tells when it is first asked to wait: who waits for a lock has found it taken by then. */
export function clockThatTells(onFirstSleep: () => void): Clock {
  let tell = (): void => {
    tell = () => undefined;
    onFirstSleep();
  };
  return { ...systemClock, sleep: (...wait) => (tell(), systemClock.sleep(...wait)) };
}

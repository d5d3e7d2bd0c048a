import { systemClock, type Clock } from "../../src/platform/clock.ts";

/** Reports its first wait: a waiter has then found the lock taken. */
export function clockThatTells(onFirstSleep: () => void): Clock {
  let tell = (): void => {
    tell = () => undefined;
    onFirstSleep();
  };
  return { ...systemClock, sleep: (...wait) => (tell(), systemClock.sleep(...wait)) };
}

import type { DeviceAuthorization } from "../auth/oauth/device-authorization.ts";
import type { Context } from "./command.ts";
import { duration } from "./format.ts";
import { oneLine } from "./output.ts";

/** Tells the user where to go and what to type, the code in the chunks that the service wrote (RFC 8628 §3.3). */
export function announceCode({ out }: Context, { verification_uri, user_code }: Omit<DeviceAuthorization, "device_code">): void {
  out.say(`Open this address in a browser, on any device:\n\n  ${oneLine(verification_uri)}\n\nand enter this code:\n\n  ${oneLine(user_code)}\n`);
}

/** How long the code still lives, redrawn in place on a terminal and said nowhere else. */
export function countdown(_context: Context, leftMs: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[KWaiting for the approval, ${duration(leftMs)} left. Press Ctrl-C to give up.`);
}

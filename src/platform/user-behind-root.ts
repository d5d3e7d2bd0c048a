import { fstatSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";

/** What the kernel says of a process that no login has started. */
const nobody = 0xffff_ffff;

/**
 * The user who became root to run this process, whose browser it is that a login opens: as sudo and pkexec say, as the kernel remembers who
 * logged in (`loginuid`), or the owner of the terminal. Undefined where there is none: a login of root's own, or a container.
 */
export function userBehindRoot(env: Readonly<Record<string, string | undefined>> = process.env): number | undefined {
  const said = [() => env["SUDO_UID"], () => env["PKEXEC_UID"], loginUser, terminalOwner];
  for (const source of said) {
    const uid = Number(source() ?? 0);
    // Root as the one behind root says nothing: sudo within sudo.
    if (Number.isInteger(uid) && uid > 0 && uid < nobody) return uid;
  }
  return undefined;
}

function loginUser(): string | undefined {
  try {
    return readFileSync("/proc/self/loginuid", "latin1");
  } catch {
    return undefined;
  }
}

/** `su` leaves the terminal to the user who had it before. */
function terminalOwner(): number | undefined {
  const terminal = [0, 1, 2].find((stream) => isatty(stream));
  return terminal === undefined ? undefined : fstatSync(terminal).uid;
}

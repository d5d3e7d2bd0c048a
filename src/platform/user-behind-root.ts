import { fstatSync, readFileSync } from "node:fs";
import { isatty } from "node:tty";

/** The kernel's value outside of any login. */
const nobody = 0xffff_ffff;

/**
 * The user who became root, and whose browser a login opens: by sudo and pkexec, by the kernel's `loginuid`, or by the
 * owner of the terminal. Undefined in a login of root's own, and in a container.
 */
export function userBehindRoot(env: Readonly<Record<string, string | undefined>> = process.env): number | undefined {
  const said = [() => env["SUDO_UID"], () => env["PKEXEC_UID"], loginUser, terminalOwner];
  for (const source of said) {
    const uid = Number(source() ?? 0);
    // Root behind root says nothing: sudo within sudo.
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

/** `su` does not change the owner of the terminal. */
function terminalOwner(): number | undefined {
  const terminal = [0, 1, 2].find((stream) => isatty(stream));
  return terminal === undefined ? undefined : fstatSync(terminal).uid;
}

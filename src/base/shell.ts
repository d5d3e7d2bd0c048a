/**
 * A word for the user's shell: POSIX, or PowerShell on Windows. Both take a word in single quotes literally, so a path
 * or a name from outside that contains `$(…)` or a backquote stays a word and never becomes a command.
 *
 * @param text - the word, unquoted
 * @param platform - as `process.platform`
 */
export function shellWord(text: string, platform: string): string {
  // Without "@" and "," for PowerShell, where they make lists; without "~" and "=" at the start for POSIX shells, which expand them.
  const isPlain = platform === "win32" ? /^[\w%+=:./\\~…-]+$/ : /^[\w@%+:,./…-][\w@%+=:,./~…-]*$/;
  return isPlain.test(text) ? text : shellQuoted(text, platform);
}

/** What sets a variable of the environment in the user's shell. PowerShell would take an unquoted value for a command. */
export function shellAssignment(name: string, value: string, platform: string): string {
  return platform === "win32" ? `$env:${name} = ${shellQuoted(value, platform)}` : `export ${name}=${shellWord(value, platform)}`;
}

/** A word in quotes, whether it needs them or not. */
export function shellQuoted(text: string, platform: string): string {
  return `'${text.replaceAll("'", platform === "win32" ? "''" : `'\\''`)}'`;
}

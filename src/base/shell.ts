/**
 * A word as the user's shell takes it: POSIX, or PowerShell on Windows. Both take a word in single quotes as it is, so a path
 * or a name from outside that holds `$(…)` or a backquote is a word and never a command.
 *
 * @param text - the word, unquoted
 * @param platform - as `process.platform`
 */
export function shellWord(text: string, platform: NodeJS.Platform): string {
  if (/^[\w@%+=:,./~…-]+$/.test(text)) return text;
  if (platform === "win32") return /^[\w@%+=:,./\\~…-]+$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

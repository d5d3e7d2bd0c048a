import { createRequire } from "node:module";

/**
 * The program. What only tells its version does not load the rest of it: scripts and installers ask for that to see
 * whether the program is there at all.
 *
 * @param argv - without the runtime's and the program's own names
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  let isWritten = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads the answer may stop reading: `spec-kitty … | head -1` is no failure.
    if (error.code === "EPIPE") process.exit(0);
    // Anything else is one, also when it is heard of after the end; the work goes on, or a session could be lost.
    if (isWritten) process.stderr.write(`error: the answer could not be written (${error.code})\nhint: Free some space, or send the answer somewhere else\n`);
    isWritten = false;
    process.exitCode ||= 1;
  });
  if (argv[0] === "--version" || argv[0] === "-V") {
    const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const { run } = await import("./run.ts");
  const code = await run(argv);
  return isWritten ? code : code || 1;
}

import { createRequire } from "node:module";

/**
 * The program. What only tells its version does not load the rest of it: scripts and installers ask for that to see
 * whether the program is there at all.
 *
 * @param argv - without the runtime's and the program's own names
 * @returns the exit code
 */
export async function main(argv: readonly string[]): Promise<number> {
  // Whoever reads the answer may stop reading: `spec-kitty … | head -1` is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  if (argv[0] === "--version" || argv[0] === "-V") {
    const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const { run } = await import("./run.ts");
  return run(argv);
}

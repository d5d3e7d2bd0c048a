/** Result of {@link fakeStreams}. */
export interface FakeStreams {
  readonly stdout: {
    readonly text: string;
    readonly isTTY: boolean;
    readonly columns: number;
    write(piece: string | Uint8Array, done?: () => void): boolean;
  };
  readonly stderr: FakeStreams["stdout"];
  readonly stdin: AsyncIterable<string> & { readonly isTTY: boolean };
}

/**
 * Streams for one `command.run`, which keep the output as `text`.
 *
 * @param options - `input`: typed or piped in; `isTTY`: of all three
 */
export function fakeStreams({
  input = [],
  isTTY = false,
}: {
  readonly input?: string | readonly string[];
  readonly isTTY?: boolean;
} = {}): FakeStreams {
  const typed = typeof input === "string" ? [input] : input.map((line) => `${line}\n`);
  const output = (): FakeStreams["stdout"] => {
    const pieces: Uint8Array[] = [];
    return {
      get text() {
        return Buffer.concat(pieces).toString("utf8");
      },
      isTTY,
      columns: 80,
      write(piece, done) {
        pieces.push(Buffer.from(piece as string));
        done?.();
        return true;
      },
    };
  };
  async function* lines(): AsyncGenerator<string> {
    yield* typed;
  }
  return { stdout: output(), stderr: output(), stdin: Object.assign(lines(), { isTTY }) };
}

/** In bytes: an empty frame takes memory and time too. */
const leastFrame = 256;

/**
 * RFC 6455 §5.2. A WebSocket collects a whole message: a frame may announce gigabytes, and a message may have endless
 * frames.
 *
 * @param most - bytes of one message on the wire, frame headers included
 * @param exceeded - called once, by a header that announces more, too
 */
export function messageMeter(most: number, exceeded: () => void): (chunk: Uint8Array) => void {
  let header: number[] = [];
  let left = 0;
  let size = 0;
  let isOver = false;
  return (chunk) => {
    for (let at = 0; at < chunk.length && !isOver; ) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at);
        left -= taken;
        at += taken;
        continue;
      }
      header.push(chunk[at] ?? 0);
      at += 1;
      const payload = payloadLength(header);
      if (payload === undefined) continue;
      const [first = 0] = header;
      // A control frame may come between the frames of a message, and has at most 125 bytes (§5.5).
      const isControl = (first & 0x08) !== 0;
      if (!isControl) size += Math.max(header.length + payload, leastFrame);
      isOver = size > most || (isControl && payload > 125);
      if (!isControl && (first & 0x80) !== 0) size = 0;
      left = payload;
      header = [];
    }
    if (isOver) {
      isOver = false;
      left = Number.POSITIVE_INFINITY;
      exceeded();
    }
  };
}

function payloadLength(header: readonly number[]): number | undefined {
  const short = (header[1] ?? 0) & 0x7f;
  const isMasked = ((header[1] ?? 0) & 0x80) !== 0;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  if (header.length < 2 + lengthBytes + (isMasked ? 4 : 0)) return undefined;
  return lengthBytes === 0 ? short : header.slice(2, 2 + lengthBytes).reduce((length, byte) => length * 256 + byte, 0);
}

/** Whether only the server can read what is sent to an address: `https:`, or `http:` that never leaves this machine. */
export function isConfidential(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/** Whether a host name of a {@link URL} is this machine: `localhost`, 127.0.0.0/8 or `[::1]`. */
export function isLoopback(hostname: string): boolean {
  // The URL parser has turned every spelling of an IPv4 address (0x7f.1, 2130706433) into the dotted one.
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Resources that are not a program's own work: a request of this library under way, and standard streams. */
const ours = ["TCPSocketWrap", "TCPConnectWrap", "PipeWrap", "TTYWrap"];

/**
 * Whether the program is only waiting for one connection, as far as the runtime can tell. It cannot tell which part of the
 * program that connection belongs to, so this may decide how long to wait in the background, and nothing that must be right.
 */
export function onlyOneConnectionLeft(): boolean {
  const active = process.getActiveResourcesInfo();
  return active.every((kind) => ours.includes(kind)) && active.filter((kind) => kind === "TCPSocketWrap").length <= 1;
}

/** What does not keep a program at work: a request of ours under way, and standard streams. */
const ours = ["TCPSocketWrap", "TCPConnectWrap", "PipeWrap", "TTYWrap"];

/**
 * Whether this program has nothing left to do but wait for one connection, as far as the runtime can tell. It cannot tell
 * whose connection that is: this is for deciding how long to wait in the background, not for what is right or wrong.
 */
export function onlyOneConnectionLeft(): boolean {
  const active = process.getActiveResourcesInfo();
  return active.every((kind) => ours.includes(kind)) && active.filter((kind) => kind === "TCPSocketWrap").length <= 1;
}

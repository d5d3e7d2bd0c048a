import type { Server, Socket } from "node:net";

// Far more than a browser opens (six), and than another user can open during a request. A limit for each peer would
// separate nobody: any user has all of 127.0.0.0/8.
const mostSilent = 256;

/**
 * Closes silent connections beyond a limit, oldest first: they would use up this process's descriptors.
 *
 * @returns call it with each connection that is not silent any more
 */
export function limitSilentConnections(server: Server): (socket: Socket) => void {
  const silent = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
    const [oldest] = silent;
    if (silent.size > mostSilent) oldest?.destroy();
  });
  return (socket) => void silent.delete(socket);
}

// A local server with the projects of the logged-in user.
import { createServer } from "node:http";
import { createAuth, isAuthError } from "spec-kitty";

const auth = createAuth({
  name: "acme",
  version: "1.2.0",
  service: "https://api.acme.example",
  issuer: "https://login.acme.example",
  clientId: "acme-cli",
});
auth.on("refreshed", () => console.error("the session was refreshed"));
auth.on("ended", ({ reason }) => console.error(`the session ended: ${reason}`));

const server = createServer(async (_request, response) => {
  try {
    const answer = await auth.fetch("/v1/projects");
    response
      .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" })
      .end(Buffer.from(await answer.arrayBuffer()));
  } catch (error) {
    // One request has failed; the server goes on.
    console.error(error);
    const [status, text] = isAuthError(error)
      ? [503, `${error.message}. ${error.hint}`]
      : [500, "something went wrong"];
    response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
  }
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));

// Stores a refresh under way before the process ends.
process.once("SIGTERM", async () => {
  server.close();
  await auth.close().catch(console.error);
});

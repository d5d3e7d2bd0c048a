// oauth2-mock-server in its own process. Admits everybody. Prints its issuer, then a line for each request.
import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
await server.start(0, "127.0.0.1");
// It knows no clients, and so no audience of an ID token: its users set it like this.
server.service.on("beforeTokenSigning", ({ payload }, { body }) => {
  if (payload.scope === undefined) payload.aud = body.client_id;
});
for (const [event, line] of [
  ["beforeResponse", "POST /token"],
  ["beforeUserinfo", "GET /userinfo"],
  ["beforeRevoke", "POST /revoke"],
]) {
  server.service.on(event, (response) => console.log(line, response.statusCode));
}
console.log(server.issuer.url);

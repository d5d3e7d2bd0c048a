// Another user's process: runs functions sent by an attack. Its argument is the path to listen at.
"use strict";
const { createServer } = require("node:http");

const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  if (request.url !== process.argv[1]) return void response.writeHead(404).end();
  const { work, input } = JSON.parse(body);
  try {
    // biome-ignore lint/security/noGlobalEval: this is what it is for, and only the test knows the path
    response.end(JSON.stringify({ value: await (0, eval)(`(${work})`)(input, require) }));
  } catch (error) {
    response.end(JSON.stringify({ error: error instanceof Error ? error.stack : String(error) }));
  }
});
process.stdin.resume().once("close", () => process.exit());
server.listen(0, "127.0.0.1", () => process.stdout.write(String(server.address().port)));

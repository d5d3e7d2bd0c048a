import assert from "node:assert/strict";
import { test } from "node:test";
import {
  pushedAuthorizationRequest,
  pushedAuthorizationResponse,
} from "../../../src/auth/oauth/pushed-authorization.ts";
import { systemClock } from "../../../src/platform/clock.ts";

const server = {
  issuer: "https://as.example",
  authorization_endpoint: "https://as.example/authorize?tenant=acme",
  token_endpoint: "https://as.example/token",
  pushed_authorization_request_endpoint: "https://as.example/par",
};
const address =
  "https://as.example/authorize?tenant=acme&response_type=code&client_id=cli_native&state=s&code_challenge=c";

test("the whole request is pushed as a form (RFC 9126 §2.1)", async () => {
  let sent: [string, RequestInit | undefined] = ["", undefined];
  const fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => (
    (sent = [String(input), init]), new Response()
  );
  await pushedAuthorizationRequest(server, address, { fetch, clock: systemClock });
  assert.equal(sent[0], "https://as.example/par");
  assert.equal(sent[1]?.method, "POST");
  assert.equal(sent[1]?.body, "tenant=acme&response_type=code&client_id=cli_native&state=s&code_challenge=c");
});

test("a server that requires pushed requests without naming the endpoint is an error", () => {
  const { pushed_authorization_request_endpoint: _, ...without } = server;
  assert.throws(() => pushedAuthorizationRequest(without, address, { fetch, clock: systemClock }), {
    code: "service_answer_invalid",
  });
});

test("the browser gets the client and the reference, and the endpoint keeps its own query", async () => {
  const answer = Response.json(
    { request_uri: "urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2", expires_in: 90 },
    { status: 201 },
  );
  assert.equal(
    await pushedAuthorizationResponse(answer, server, "cli_native"),
    "https://as.example/authorize?tenant=acme&client_id=cli_native&request_uri=urn%3Aexample%3Abwc4JK-ESC0w8acc191e-Y1LTC2",
  );
});

test("an error keeps the server's error name, and a response without a reference is refused", async () => {
  const judge = (response: Response): Promise<string> => pushedAuthorizationResponse(response, server, "cli_native");
  await assert.rejects(judge(Response.json({ error: "invalid_request" }, { status: 400 })), {
    code: "service_rejected",
    error: "invalid_request",
  });
  await assert.rejects(judge(new Response("", { status: 503 })), { code: "service_unavailable" });
  for (const body of [{}, { request_uri: "" }, { request_uri: 7 }, []]) {
    await assert.rejects(judge(Response.json(body, { status: 201 })), { code: "service_answer_invalid" });
  }
});

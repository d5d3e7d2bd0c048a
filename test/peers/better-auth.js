// better-auth with its OAuth provider, in its own process and in memory. Registers any client; Alice logs in on a page
// with one form, and agrees on another. Prints its issuer, then a line for each request.
import { once } from "node:events";
import { createServer } from "node:http";
import { oauthProvider } from "@better-auth/oauth-provider";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const baseURL = `http://127.0.0.1:${server.address().port}`;

const tables = [
  "user",
  "session",
  "account",
  "verification",
  "jwks",
  "oauthClient",
  "oauthRefreshToken",
  "oauthAccessToken",
  "oauthConsent",
  "oauthResource",
  "oauthClientResource",
  "oauthClientAssertion",
];
const auth = betterAuth({
  baseURL,
  secret: "a secret of a test, and of nothing else",
  database: memoryAdapter(Object.fromEntries(tables.map((name) => [name, []]))),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  plugins: [
    jwt(),
    oauthProvider({
      loginPage: "/login",
      consentPage: "/consent",
      scopes: ["openid", "profile", "email", "offline_access"],
      allowDynamicClientRegistration: true,
      allowUnauthenticatedClientRegistration: true,
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
});
const login = { email: "alice@example.com", password: "correct horse battery" };
await auth.api.signUpEmail({ body: { ...login, name: "Alice" } });

/** As a page's script: calls the API with the browser's cookies, and follows its redirect. */
async function press(request, response, path, body) {
  const oauth_query = new URL(request.url, baseURL).search.slice(1);
  const headers = {
    "content-type": "application/json",
    accept: "application/json",
    origin: baseURL,
    cookie: request.headers.cookie ?? "",
  };
  const answer = await fetch(`${baseURL}/api/auth${path}`, {
    method: "POST",
    headers,
    body: JSON.stringify({ ...body, oauth_query }),
    redirect: "manual",
  });
  const told = await answer.json();
  const location = told.url ?? told.redirect_uri ?? told.redirectURI;
  if (location === undefined) return response.writeHead(500).end(JSON.stringify(told));
  response.writeHead(302, { location, "set-cookie": answer.headers.getSetCookie() }).end();
}

const answer = toNodeHandler(auth);
server.on("request", async (request, response) => {
  const { pathname } = new URL(request.url, baseURL);
  response.on("finish", () => console.log(request.method, pathname, response.statusCode));
  // The tests' user is a program, as its fetch says; a browser navigates.
  if (pathname.endsWith("/authorize")) request.headers["sec-fetch-mode"] = "navigate";
  if (pathname !== "/login" && pathname !== "/consent") return answer(request, response);
  if (request.method !== "POST") {
    const page = `<!doctype html><title>${pathname}</title><form method="post"><button name="answer" value="allow">Allow</button><button name="answer" value="deny">Deny</button></form>`;
    return response.writeHead(200, { "content-type": "text/html" }).end(page);
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const accept = new URLSearchParams(body).get("answer") === "allow";
  return pathname === "/login"
    ? press(request, response, "/sign-in/email", login)
    : press(request, response, "/oauth2/consent", { accept });
});
console.log(`${baseURL}/api/auth`);

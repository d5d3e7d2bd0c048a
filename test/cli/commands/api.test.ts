import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runHere } from "../../helpers/command-here.ts";
import { loggedInScene } from "../../helpers/queue.ts";
import { echo, scene, type Echo } from "../../helpers/scene.ts";

test("a body comes from the command line or a file, with the headers that were given", async (t) => {
  const { env, folder } = await loggedInScene(t);
  const file = join(folder, "body.json");
  writeFileSync(file, '{"from":"file"}');
  const send = async (data: string): Promise<Echo> => {
    const { code, stdout, stderr } = await runHere(
      ["api", "post", echo, "-d", data, "-H", "X-One: 1", "-H", "x-two:  2 and 3"],
      env,
    );
    assert.deepEqual([code, stderr], [0, ""]);
    return JSON.parse(stdout) as Echo;
  };
  assert.equal((await send('{"from":"line"}')).body, '{"from":"line"}');
  assert.equal((await send(`@${file}`)).body, '{"from":"file"}');
  const { method, headers } = await send("{}");
  assert.equal(method, "POST");
  assert.deepEqual([headers["content-type"], headers["x-one"], headers["x-two"]], ["application/json", "1", "2 and 3"]);
});

test("--include prints status and headers before the body", async (t) => {
  const { here } = await loggedInScene(t);
  const { code, stdout } = await here("api GET /api/v1/me --include");
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^HTTP\/1\.1 200 OK\n(?:[\w-]+: .*\n)*content-type: application\/json\n(?:[\w-]+: .*\n)*\n\{"user_id":"u_alice"/,
  );
});

test("FR-011 a 401 leads to one refresh and one replay, body included", async (t) => {
  const { here, saas } = await loggedInScene(t);
  saas.expireAccessTokens();
  const { code, stdout } = await here(`api POST ${echo} -d {"a":1}`);
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as Echo).body, '{"a":1}');
  assert.equal(saas.counters.refreshes, 1);
  assert.deepEqual(
    saas.requests.filter(({ path }) => path === echo).map(({ status }) => status),
    [401, 200],
  );
});

test("FR-012 a session that has ended is exit code 4, with the command to run", async (t) => {
  const { here, saas } = await loggedInScene(t);
  for (const id of saas.sessions.keys()) saas.revoke(id);
  const { code, stdout, stderr } = await here("api GET /api/v1/me");
  assert.deepEqual([code, stdout], [4, ""]);
  assert.match(stderr, /^error: .*\nhint: .*spec-kitty auth login/);
});

test("a token from the environment is used as is, without a login, and is not refreshed", async (t) => {
  const { here, saas } = await scene(t);
  const bob = { SPEC_KITTY_ACCESS_TOKEN: saas.issue({ user: "bob" }).access_token };
  assert.match((await here("api GET /api/v1/me", bob)).stdout, /bob@example\.com/);
  saas.expireAccessTokens();
  const { code, stdout } = await here("api GET /api/v1/me", bob);
  assert.deepEqual([code, stdout], [1, '{"error":"access_token_expired"}']);
  assert.equal(saas.counters.refreshes, 0);
});

test("S-001 no other URL gets the token, however it is written", async (t) => {
  const at = await loggedInScene(t);
  const other = await scene(t);
  const stranger = new URL(other.saas.url).host;
  for (const path of [`${other.saas.url}/api/v1/me`, `//${stranger}/api/v1/me`, `@${stranger}/api/v1/me`])
    await at.here(`api GET ${path}`);
  assert.ok(other.saas.requests.every(({ headers }) => headers.authorization === undefined));
});

const wrong: [args: string[], message: RegExp][] = [
  [["api", "FETCH", "/x"], /^error: "FETCH" is not an HTTP method\n/],
  [["api", "GET", "/x", "-d", "{}"], /^error: GET takes no body\n/],
  [["api", "GET", "/x", "-H", "nonsense"], /^error: "nonsense" is not a header\n/],
  [
    ["api", "GET", "/x", "-H", "Authorization: Bearer x"],
    /^error: the command itself sets the header "Authorization"\n/,
  ],
  [
    ["api", "POST", "/x", "-d", "{}", "-H", "Transfer-Encoding: chunked"],
    /^error: cannot set the header "Transfer-Encoding": /,
  ],
  [["api", "POST", "/x", "-d", "{}", "-H", "Content-Length: 7"], /^error: cannot set the header "Content-Length": /],
  [["api", "POST", "/x", "-d", "@/nowhere"], /^error: --data: cannot read "\/nowhere" \(ENOENT\)\n/],
  [["api"], /^error: missing argument: PATH\n/],
  [["api", "GET", "/x", "y"], /^error: unexpected argument "y"\n/],
  [["api", "/x", "-d", "{}", "--input", "f"], /^error: --data and --input cannot be used together\n/],
  [["api", "/x", "-d", "{}", "-f", "a=b"], /^error: a body and fields cannot be used together\n/],
  [["api", "/x", "-f", "a"], /^error: -f is "a", not name=value\n/],
  [["api", "/x", "-f", "a[=b"], /^error: "a\[" is not the name of a field\n/],
  [["api", "/x", "-F", "a=[1"], /^error: -F a is not JSON\n/],
  [["api", "/x", "-F", "a=@/nowhere"], /^error: --json-field: cannot read "\/nowhere" \(ENOENT\)\n/],
  [["api", "/x", "-f", "a=1", "-f", "a[b]=2"], /^error: the field "a\[b\]" has two kinds of values\n/],
  [["api", "POST", "/x", "--paginate"], /^error: --paginate works with GET only, not with POST\n/],
  [["api", "/x", "--paginate", "-o", "f"], /^error: --output and --paginate cannot be used together\n/],
  [["api", "/x", "-o", "/nowhere/f"], /^error: --output: cannot write "\/nowhere\/f" \(ENOENT\)\n/],
];
test("wrong usage is exit code 2, and sends nothing", async (t) => {
  const { env, saas } = await loggedInScene(t);
  for (const [args, message] of wrong) {
    const { code, stderr } = await runHere(args, env);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
    assert.match(stderr, /\nhint: /);
  }
  assert.equal(saas.requests.length, 0);
});

test("the method is GET, or POST when there is data; fields make JSON, or the query of a GET", async (t) => {
  const { env, folder, saas } = await loggedInScene(t);
  writeFileSync(join(folder, "text"), "from a file\n");
  const send = async (args: readonly string[]): Promise<Echo & { query: [string, string][] }> => {
    const { code, stdout, stderr } = await runHere(["api", ...args], env);
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    return JSON.parse(stdout) as Echo & { query: [string, string][] };
  };
  assert.equal((await send([echo])).method, "GET");
  assert.equal((await send([echo, "-d", "{}"])).method, "POST");
  const fields = [
    "-f",
    "text=1",
    "-F",
    "number=1",
    "-F",
    "list=[true,null]",
    "-F",
    "plain=no JSON",
    "-F",
    `file=@${folder}/text`,
    "-f",
    "a[b][c]=x",
    "-f",
    "a[b][d]=y",
    "-f",
    "l[]=1",
    "-f",
    "l[]=2",
    "-f",
    "o[][x]=1",
    "-f",
    "o[][y]=2",
    "-f",
    "o[][x]=3",
    "-f",
    "__proto__[polluted]=1",
    "-f",
    "eq=a=b",
  ];
  const { method, headers, body } = await send([echo, ...fields]);
  assert.deepEqual([method, headers["content-type"]], ["POST", "application/json"]);
  const expected = {
    text: "1",
    number: 1,
    list: [true, null],
    plain: "no JSON",
    file: "from a file\n",
    a: { b: { c: "x", d: "y" } },
    l: ["1", "2"],
    o: [{ x: "1", y: "2" }, { x: "3" }],
    eq: "a=b",
  };
  assert.deepEqual(
    { ...(JSON.parse(body) as object), ["__proto__"]: undefined },
    { ...expected, ["__proto__"]: undefined },
  );
  assert.match(body, /"__proto__":\{"polluted":"1"\}/);
  assert.deepEqual((await send(["GET", `${echo}?a=0`, "-f", "b=x y", "-F", "c=[1]"])).query, [
    ["a", "0"],
    ["b", "x y"],
    ["c", "[1]"],
  ]);
  assert.equal((await send(["PATCH", echo, "--input", join(folder, "text")])).body, "from a file\n");
  assert.ok(saas.requests.length > 0);
});

test("a body is called what it is, and a header of the user replaces the default one", async (t) => {
  const { env } = await loggedInScene(t);
  const headers = async (...args: string[]): Promise<Record<string, string>> =>
    (JSON.parse((await runHere(["api", echo, ...args], env)).stdout) as Echo).headers;
  assert.equal((await headers("-d", '{"a":1}'))["content-type"], "application/json");
  assert.equal((await headers("-d", "a=1"))["content-type"], "text/plain; charset=utf-8");
  assert.equal((await headers())["content-type"], undefined);
  const own = await headers(
    "-d",
    "{}",
    "-H",
    "Content-Type: text/csv",
    "-H",
    "Accept: text/html",
    "-H",
    "X-Tag: a",
    "-H",
    "x-tag: b",
    "-H",
    "User-Agent: mine",
  );
  assert.deepEqual(
    [own["content-type"], own["accept"], own["x-tag"], own["user-agent"]],
    ["text/csv", "text/html", "a, b", "mine"],
  );
});

test("--paginate gets every page that Link names, and none that is elsewhere or was there before", async (t) => {
  const { saas, here } = await loggedInScene(t);
  const page = (number: number, link: string): void =>
    saas.faults.next(echo, { body: { page: number }, headers: { Link: link } });
  page(1, `<${echo}?page=0>; rel="first", <${echo}?page=2>; rel="next last"`);
  page(2, `<?page=3>; title="a, b; rel=x"; rel=next`);
  page(3, `<${echo}?page=1>; rel="prev"`);
  const { code, stdout } = await here(`api ${echo} --paginate`);
  assert.deepEqual([code, stdout], [0, '{"page":1}{"page":2}{"page":3}']);
  assert.deepEqual(
    saas.requests.filter(({ path }) => path === echo).map(({ query }) => query.get("page")),
    [null, "2", "3"],
  );
  page(1, '<https://evil.invalid/>; rel="next"');
  const away = await here(`api ${echo} --paginate`);
  assert.deepEqual(
    [away.code, away.stderr.split("\n")[0]],
    [1, 'error: the link to the next page leads away from the service, to "https://evil.invalid/"'],
  );
  for (const number of [1, 2]) page(number, `<${echo}?page=2>; rel=next`);
  const round = await here(`api ${echo} --paginate`);
  assert.equal(round.code, 1);
  assert.match(round.stderr, /^error: the link to the next page leads back to /);
  page(1, `<${echo}?page=2>; rel=next`);
  assert.equal((await here(`api ${echo}`)).stdout, '{"page":1}', "only when asked to");
});

test("--silent prints no body, --output writes it to a file, and an error's body never takes a file's place", async (t) => {
  const { saas, here, folder } = await loggedInScene(t);
  const file = join(folder, "answer");
  const silent = await here(`api ${echo} --silent --include`);
  assert.match(silent.stdout, /^HTTP\/1\.1 200 OK\n[^]*\n\n$/);
  const saved = await here(`api ${echo} --output ${file}`);
  assert.deepEqual([saved.code, saved.stdout, saved.stderr], [0, "", ""]);
  const before = readFileSync(file, "utf8");
  assert.equal((JSON.parse(before) as Echo).method, "GET");
  saas.faults.next(echo, { status: 404, body: "gone" });
  const failed = await here(`api ${echo} -o ${file}`);
  assert.deepEqual([failed.code, failed.stdout, failed.stderr], [1, "gone", "error: HTTP 404 Not Found\n"]);
  assert.equal(readFileSync(file, "utf8"), before);
});

test("a URL that is not the service's, and an invalid header, are wrong usage of api, and nothing is sent", async (t) => {
  const { saas, env } = await loggedInScene(t);
  const before = saas.requests.length;
  for (const address of [
    "https:evil",
    "https://evil.invalid/api/v1/me",
    "//evil.invalid/",
    "/\\evil.invalid",
    `${saas.url}@evil.invalid/`,
    "file:///etc/passwd",
    "data:text/plain,hi",
  ]) {
    const { code, stdout, stderr } = await runHere(["api", "GET", address], env);
    assert.deepEqual([code, stdout], [2, ""], address);
    assert.match(
      stderr,
      /^error: [^\n]* is not on the service|leaves the service[^\n]*\nhint: Use a path on [^\n]+\n$/,
    );
  }
  for (const value of ["hidden\nX-Other: 1", "hidden✓"]) {
    const { code, stderr } = await runHere(["api", "GET", "/api/v1/me", "-H", `X-Key: ${value}`], env);
    assert.deepEqual(
      [code, stderr],
      [2, 'error: cannot send the value of the header "X-Key"\nhint: Use a single line of Latin-1 characters\n'],
    );
  }
  assert.equal(saas.requests.length, before);
});

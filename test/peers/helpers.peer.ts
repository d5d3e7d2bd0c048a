// The credential helpers with their programs. Needs a build, and the Debian packages awscli, curl, kubectl,
// python3-pip, rclone and skopeo; npm comes with Node. Bazel is not run: Debian has 4.2, older than its credential
// helpers, and npm only a launcher that downloads it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, type TestContext } from "node:test";
import { testCertificate } from "../helpers/certificate.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { text as helpers } from "../../src/cli/topics/helpers.ts";
import { bin, type CommandEnvironment } from "../helpers/command.ts";
import { scene, type Scene } from "../helpers/scene.ts";
import { sessionOf, storeSession } from "../helpers/stored-session.ts";
import { program, stage as atAddress } from "./stage.ts";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Stage extends Scene {
  readonly token: string;
  /** With the command on PATH. */
  shell(line: string, more?: Record<string, string>): Promise<Ended>;
  /** On PATH. */
  install(name: string, script: string): void;
}

/**
 * A logged-in machine with the command on PATH. @param own - the environment of another login than at the fake service
 */
async function stage(t: TestContext, own: CommandEnvironment = {}): Promise<Stage> {
  const at = await scene(t);
  const session = sessionOf(at.saas, { leftMs: 3_600_000 });
  await storeSession(at.saas, at.env, session);
  const programs = join(at.folder, "bin");
  mkdirSync(programs);
  const install: Stage["install"] = (name, script) => {
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  };
  install("spec-kitty", `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  const path = [programs, dirname(process.execPath), "/usr/bin", "/bin"].join(":");
  return {
    ...at,
    token: session.accessToken.reveal(),
    install,
    async shell(line, more = {}) {
      const child = spawn("/bin/sh", ["-c", line], {
        env: { ...at.env, ...own, PATH: path, ...more } as NodeJS.ProcessEnv,
        cwd: at.folder,
        stdio: ["ignore", "pipe", "pipe"],
      });
      t.after(() => void child.kill());
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      const [code] = (await once(child, "close")) as [number | null];
      return { code, stdout, stderr };
    },
  };
}

/** A test's own server: its URL, and a header of each request. */
async function server(
  t: TestContext,
  answer: RequestListener,
  tls?: { key: string; cert: string },
): Promise<{ port: number; shown: string[] }> {
  const shown: string[] = [];
  const listener: RequestListener = (request, response) => {
    shown.push(request.headers.authorization ?? "nothing");
    answer(request, response);
  };
  const listening = (tls === undefined ? createHttp(listener) : createHttps(tls, listener)).listen(0, "127.0.0.1");
  t.after(() => (listening.closeAllConnections(), listening.close()));
  await once(listening, "listening");
  return { port: (listening.address() as AddressInfo).port, shown };
}

/** Makes that server the profile's service. */
async function atServer(at: Scene, port: number): Promise<string> {
  const session = sessionOf(at.saas, { leftMs: 3_600_000 });
  await storeSession({ ...at.saas, url: `http://127.0.0.1:${port}` } as typeof at.saas, at.env, session);
  return session.accessToken.reveal();
}

const json = (response: ServerResponse, status: number, body: object, type = "application/json"): void =>
  void response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));

test("kubectl shows pods with the line of the README, and after a refusal it gets another token by itself", async (t) => {
  const at = await stage(t);
  const tls = testCertificate("localhost");
  let refused = "";
  const list = (kind: string, more: object = {}): object => ({ kind, apiVersion: "v1", metadata: {}, ...more });
  const { port, shown } = await server(
    t,
    ({ url = "", headers }: IncomingMessage, response) => {
      const isGood = /^Bearer at_/.test(headers.authorization ?? "") && headers.authorization !== refused;
      if (!isGood) return json(response, 401, { kind: "Status", apiVersion: "v1", status: "Failure", code: 401 });
      if (url.startsWith("/api/v1/namespaces/default/pods"))
        return json(response, 200, list("PodList", { items: [{ metadata: { name: "one", namespace: "default" } }] }));
      json(response, 200, list("APIVersions", { versions: ["v1"] }));
    },
    tls,
  );
  const cluster = `https://localhost:${port}`;
  writeFileSync(join(at.folder, "ca.pem"), tls.cert);
  const set = [
    `kubectl config set-cluster c --server=${cluster} --certificate-authority=ca.pem`,
    "kubectl config set-context x --cluster=c --user=me",
    "kubectl config use-context x",
    `kubectl config set-credentials me --exec-command=spec-kitty --exec-api-version=client.authentication.k8s.io/v1 --exec-interactive-mode=Never --exec-provide-cluster-info --exec-arg=auth,exec-credential,--cluster,${cluster}`,
  ];
  const env = { KUBECONFIG: join(at.folder, "kubeconfig") };
  for (const line of set) assert.equal((await at.shell(line, env)).code, 0, line);
  const pods = "kubectl get --raw /api/v1/namespaces/default/pods";
  const first = await at.shell(pods, env);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /"one"/);
  assert.deepEqual(shown, [`Bearer ${at.token}`]);

  // Later, and refused: kubectl gives up, but has requested another token, with which the next attempt works.
  rmSync(join(at.config, "exec-credential.json"));
  refused = `Bearer ${at.token}`;
  assert.notEqual((await at.shell(pods, env)).code, 0);
  assert.equal(at.saas.counters.refreshes, 1);
  const again = await at.shell(pods, env);
  assert.match(again.stdout, /"one"/, again.stderr);
  assert.equal(at.saas.counters.refreshes, 1);
});

test("Skopeo reads an image of a registry on the service's host with the token, and another registry gets none", async (t) => {
  const at = await stage(t);
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [] },
  });
  const digest = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", size: config.length, digest: digest(config) },
    layers: [],
  });
  const registry: RequestListener = ({ url = "", headers }, response) => {
    const [user] = Buffer.from(headers.authorization?.slice("Basic ".length) ?? "", "base64")
      .toString()
      .split(":");
    if (user !== "oauth2") return void response.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
    if (url.includes("/manifests/")) return void response.writeHead(200, { "content-type": type }).end(manifest);
    if (url.includes("/blobs/")) return void response.writeHead(200).end(config);
    json(response, 200, { name: "image", tags: ["latest"] });
  };
  const [ours, other] = [await server(t, registry), await server(t, registry)];
  const token = await atServer(at, ours.port);
  at.install("docker-credential-spec-kitty", '#!/bin/sh\nexec spec-kitty auth docker-credential "$@"\n');
  const helpers = Object.fromEntries([ours, other].map(({ port }) => [`127.0.0.1:${port}`, "spec-kitty"]));
  writeFileSync(join(at.folder, "auth.json"), JSON.stringify({ credHelpers: helpers }));
  const env = { REGISTRY_AUTH_FILE: join(at.folder, "auth.json"), SPEC_KITTY_SAAS_URL: "" };
  const inspect = (port: number): Promise<Ended> =>
    at.shell(`skopeo inspect --tls-verify=false docker://127.0.0.1:${port}/image:latest`, env);
  const read = await inspect(ours.port);
  assert.equal(read.code, 0, read.stderr);
  assert.match(read.stdout, /"Os": "linux"/);
  const basic = `Basic ${Buffer.from(`oauth2:${token}`).toString("base64")}`;
  assert.ok(ours.shown.includes(basic));
  assert.notEqual((await inspect(other.port)).code, 0);
  assert.ok(other.shown.length > 0 && !other.shown.includes(basic));
});

test("rclone lists a directory with the token, and runs the command again when it is refused", async (t) => {
  const at = await stage(t);
  let refusals = 0;
  const listing = `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">${["/dav/", "/dav/file.txt"]
    .map(
      (href) =>
        `<d:response><d:href>${href}</d:href><d:propstat><d:prop><d:resourcetype>${href.endsWith("/") ? "<d:collection/>" : ""}</d:resourcetype><d:getcontentlength>1</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`,
    )
    .join("")}</d:multistatus>`;
  const { port, shown } = await server(t, (_request, response) => {
    if ((refusals += 1) === 1) return void response.writeHead(401).end();
    response.writeHead(207, { "content-type": "application/xml" }).end(listing);
  });
  const token = await atServer(at, port);
  const { code, stdout, stderr } = await at.shell(
    `rclone --config '' lsf :webdav: --webdav-url http://127.0.0.1:${port}/dav --webdav-bearer-token-command "spec-kitty auth token"`,
    { SPEC_KITTY_SAAS_URL: "" },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "file.txt\n");
  assert.deepEqual([...new Set(shown)], [`Bearer ${token}`]);
  assert.ok(shown.length >= 2);
});

test("curl sends the token as a header that is in no process's arguments", async (t) => {
  const at = await stage(t);
  const { code, stdout, stderr } = await at.shell(
    `spec-kitty auth token --header | curl --silent --fail -H @- ${at.saas.url}/api/v1/me`,
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /alice@example\.com/);
});

test("npm asks a registry with the token of a variable, and its configuration has the name only", async (t) => {
  const at = await stage(t);
  const { port, shown } = await server(t, (_request, response) =>
    json(response, 200, { name: "one", version: "1.0.0" }),
  );
  const token = await atServer(at, port);
  const env = {
    NPM_CONFIG_USERCONFIG: join(at.folder, ".npmrc"),
    NPM_CONFIG_CACHE: join(at.folder, "npm"),
    SPEC_KITTY_SAAS_URL: "",
  };
  await at.shell(`npm config set //127.0.0.1:${port}/npm/:_authToken '\${NPM_TOKEN}'`, env);
  const { code, stderr } = await at.shell(
    `NPM_TOKEN="$(spec-kitty auth token)" npm ping --registry http://127.0.0.1:${port}/npm/`,
    env,
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(shown, [`Bearer ${token}`]);
});

test("pip asks an index with the token of a variable", async (t) => {
  const at = await stage(t);
  const { port, shown } = await server(t, ({ headers }, response) => {
    if (headers.authorization === undefined)
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="index"' }).end();
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>one</title>");
  });
  const token = await atServer(at, port);
  const { stderr } = await at.shell(
    `PIP_INDEX_URL="http://oauth2:$(spec-kitty auth token)@127.0.0.1:${port}/simple/" python3 -m pip download --no-cache-dir --disable-pip-version-check one`,
    { SPEC_KITTY_SAAS_URL: "" },
  );
  assert.match(stderr, /No matching distribution found for one/);
  assert.ok(shown.includes(`Basic ${Buffer.from(`oauth2:${token}`).toString("base64")}`), stderr);
});

/** At a certified OpenID provider, with a shell that has the command. */
async function openId(t: TestContext): Promise<Stage & { readonly idToken: string }> {
  const provider = await atAddress(t, [process.execPath, program("oidc-provider.js")]);
  await provider.does("auth", "login", provider.address, "--no-dpop");
  const at = await stage(t, provider.env);
  return { ...at, idToken: (await provider.does("auth", "token", "--id-token")).stdout.trim() };
}

test("kubectl sends the ID token to a cluster that wants one", async (t) => {
  const at = await openId(t);
  const tls = testCertificate("localhost");
  const { port, shown } = await server(t, (_request, response) => json(response, 200, { kind: "Status" }), tls);
  writeFileSync(join(at.folder, "ca.pem"), tls.cert);
  const cluster = `https://localhost:${port}`;
  const env = { KUBECONFIG: join(at.folder, "kubeconfig") };
  for (const line of [
    `kubectl config set-cluster c --server=${cluster} --certificate-authority=ca.pem`,
    "kubectl config set-context x --cluster=c --user=me",
    "kubectl config use-context x",
    `kubectl config set-credentials me --exec-command=spec-kitty --exec-api-version=client.authentication.k8s.io/v1 --exec-interactive-mode=Never --exec-provide-cluster-info --exec-arg=auth,exec-credential,--cluster,${cluster},--token,id`,
  ])
    assert.equal((await at.shell(line, env)).code, 0, line);
  const { code, stderr } = await at.shell("kubectl get --raw /api/v1/pods", env);
  assert.equal(code, 0, stderr);
  assert.deepEqual(shown, [`Bearer ${at.idToken}`]);
});

test("Google's library runs the command, and exchanges the ID token at its own service", async (t) => {
  const at = await openId(t);
  let asked = new URLSearchParams();
  const { port } = await server(t, async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    asked = new URLSearchParams(body);
    json(response, 200, { access_token: "google", issued_token_type: "urn:x", token_type: "Bearer", expires_in: 3600 });
  });
  const configuration = {
    type: "external_account",
    audience: "//iam.googleapis.com/locations/global/workforcePools/pool/providers/one",
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    token_url: `http://127.0.0.1:${port}/v1/token`,
    credential_source: { executable: { command: "spec-kitty auth google-credential", timeout_millis: 30_000 } },
  };
  const library = fileURLToPath(new URL("node_modules/google-auth-library/build/src/index.js", import.meta.url));
  const line = `node -e 'const { GoogleAuth } = require(process.argv[1]); new GoogleAuth().fromJSON(JSON.parse(process.argv[2])).getAccessToken().then(({ token }) => console.log(token))' '${library}' '${JSON.stringify(configuration)}'`;
  const { code, stdout, stderr } = await at.shell(line, { GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: "1" });
  assert.deepEqual([code, stdout], [0, "google\n"], stderr);
  assert.equal(asked.get("subject_token"), at.idToken);
});

test("the AWS command line takes credentials for a role from the documented program, which gives the ID token on standard input", async (t) => {
  const at = await openId(t);
  const text = helpers(ownIdentity);
  const [, script = ""] = /^ {4}(#!\/bin\/sh\n(?: {4}.*\n)*?)\n/m.exec(text.slice(text.indexOf("AWS"))) ?? [];
  at.install("service-credentials", script.replaceAll(/^ {4}/gm, ""));
  let asked = new URLSearchParams();
  const { port, shown } = await server(t, async (request, response) => {
    let body = "";
    for await (const piece of request) body += String(piece);
    const form = new URLSearchParams(body);
    const action = form.get("Action");
    const result =
      action === "AssumeRoleWithWebIdentity"
        ? "<Credentials><AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        : "<Arn>arn:aws:sts::123456789012:assumed-role/deploy/me</Arn><UserId>x</UserId><Account>123456789012</Account>";
    if (action === "AssumeRoleWithWebIdentity") asked = form;
    response.setHeader("content-type", "text/xml");
    response.end(
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result></${action}Response>`,
    );
  });
  const role = "arn:aws:iam::123456789012:role/deploy";
  writeFileSync(
    join(at.folder, "aws"),
    `[profile service]\nregion = eu-north-1\ncredential_process = ${join(at.folder, "bin", "service-credentials")} ${role}\n`,
  );
  const env = {
    AWS_CONFIG_FILE: join(at.folder, "aws"),
    AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}`,
    AWS_EC2_METADATA_DISABLED: "true",
  };
  const { code, stdout, stderr } = await at.shell("/usr/bin/aws --profile service sts get-caller-identity", env);
  assert.equal(code, 0, stderr);
  assert.equal((JSON.parse(stdout) as { Account: string }).Account, "123456789012");
  assert.deepEqual([asked.get("WebIdentityToken")?.trim(), asked.get("RoleArn")], [at.idToken, role]);
  assert.match(shown.at(-1) ?? "", /Credential=AKIAROLE\//);
});

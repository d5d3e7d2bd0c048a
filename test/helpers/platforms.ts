import { generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Signs a platform's job tokens, and verifies them. */
export interface Signer {
  /** A JWT for an audience, valid for five minutes unless the claims say otherwise. */
  token(aud: string, claims?: Record<string, unknown>): string;
  /** The claims of a valid JWT for an audience; a string says why it is refused. */
  judge(jwt: string, aud: string): Record<string, unknown> | string;
  /** As in `jwks_uri`. */
  readonly jwk: object;
}

export function signer(iss: string): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const key = { dsaEncoding: "ieee-p1363" } as const;
  return {
    token(aud, claims = {}) {
      const now = Math.floor(Date.now() / 1000);
      const jti = randomBytes(9).toString("base64url");
      const input = `${part({ alg: "ES256", kid: "platform", typ: "JWT" })}.${part({ iss, aud, iat: now, nbf: now, exp: now + 300, jti, ...claims })}`;
      return `${input}.${sign("sha256", Buffer.from(input), { key: privateKey, ...key }).toString("base64url")}`;
    },
    judge(jwt, aud) {
      const [header = "", payload = "", signature = ""] = jwt.split(".");
      const isOurs = verify(
        "sha256",
        Buffer.from(`${header}.${payload}`),
        { key: publicKey, ...key },
        Buffer.from(signature, "base64url"),
      );
      if (!isOurs) return "the signature is not that of the platform";
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
      if (![claims["aud"]].flat().includes(aud)) return "the audience is another";
      return Number(claims["exp"]) * 1000 > Date.now() ? claims : "it has expired";
    },
    jwk: { ...publicKey.export({ format: "jwk" }), kid: "platform", alg: "ES256", use: "sig" },
  };
}

/**
 * A GitHub Actions job with `id-token: write`: two variables, and a URL that responds as documented ("OpenID Connect
 * reference": `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=…` with a bearer token, response `{"value": …}`).
 */
export async function gitHubActions(
  t: TestContext,
  { token }: Signer,
): Promise<{ env: Record<string, string>; asked: string[]; status: number }> {
  const requestToken = `ghs_${randomBytes(24).toString("base64url")}`;
  const asked: string[] = [];
  const job = { env: {} as Record<string, string>, asked, status: 200 };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://runner");
    const audience = url.searchParams.get("audience") ?? "https://github.com/octo-org";
    asked.push(audience);
    const isOurs = request.headers.authorization === `Bearer ${requestToken}` && url.searchParams.get("api-version");
    const status = isOurs ? job.status : 401;
    const sub = "repo:octo-org/octo-repo:ref:refs/heads/main";
    const body = status === 200 ? { count: 1, value: token(audience, { sub }) } : { message: "unavailable" };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  job.env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/abc//idtoken/job?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
  };
  return job;
}

/**
 * A projected service account token as the kubelet writes it ("Projected Volumes"): a link into a directory that is
 * exchanged as a whole on rotation.
 *
 * @returns the path, and a function to rotate it
 */
export function projectedToken(volume: string, name: string): { path: string; rotate: (token: string) => void } {
  let version = 0;
  mkdirSync(volume, { recursive: true });
  symlinkSync(join("..data", name), join(volume, name));
  return {
    path: join(volume, name),
    rotate(token) {
      const [before, after] = [version, (version += 1)].map((number) => `..2026_11_30_${number}`);
      mkdirSync(join(volume, after ?? ""));
      writeFileSync(join(volume, after ?? "", name), token, { mode: 0o600 });
      symlinkSync(after ?? "", join(volume, "..data_tmp"));
      renameSync(join(volume, "..data_tmp"), join(volume, "..data"));
      rmSync(join(volume, before ?? ""), { recursive: true, force: true });
    },
  };
}

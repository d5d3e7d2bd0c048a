// Its own process, since Node reads NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and NODE_USE_ENV_PROXY only at the start. Sends
// a request with this machine's fetch, or opens a WebSocket, and reports the result.
import { createHash } from "node:crypto";
import type { Hint } from "../../src/base/hint.ts";
import { openThroughProxy } from "../../src/platform/proxy.ts";
import { ownIdentity } from "../../src/base/identity.ts";
import { systemFetch } from "../../src/platform/system-fetch.ts";
import { hintOf } from "./hint.ts";

export interface ChildRequest {
  url: string;
  init?: { method?: string; body?: string; headers?: Record<string, string> };
}

export interface ChildAnswer {
  status?: number;
  /** The body's hash and length. */
  sha256?: string;
  length?: number;
  /** The first message of the WebSocket. */
  message?: string;
  error?: { code: string | undefined; message: string; hint: string | undefined; causeCode: string | undefined };
}

process.on("message", (request: ChildRequest) => {
  void answer(request).then((value) => process.send?.(value));
});

async function answer({ url, init }: ChildRequest): Promise<ChildAnswer> {
  try {
    if (url.startsWith("wss:")) {
      const socket = await openThroughProxy(new URL(url), process.env, () => new WebSocket(url));
      return await new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve({ message: String(data) });
        socket.onerror = () => reject(new Error("the WebSocket failed"));
      });
    }
    const response = await systemFetch(process.env, ownIdentity)(url, { redirect: "manual", ...init });
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, length: body.length, sha256: createHash("sha256").update(body).digest("hex") };
  } catch (error) {
    const { code, message, next, cause } = error as {
      code?: string;
      message: string;
      next?: Hint;
      cause?: { code?: string };
    };
    return { error: { code, message, hint: hintOf({ ...(next && { next }) }), causeCode: cause?.code } };
  }
}

import { createHash } from "node:crypto";
import type { SharedStore } from "../../auth/sessions/shared-store.ts";

/** A secret of Kubernetes, as far as it is used. */
export interface KubernetesSecret {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; resourceVersion?: string; annotations?: Record<string, string> };
  data?: Record<string, string>;
}

/** The part of `CoreV1Api` of `@kubernetes/client-node` that is used. */
export interface KubernetesApi {
  readNamespacedSecret(request: { name: string; namespace: string }): Promise<KubernetesSecret>;
  createNamespacedSecret(request: { namespace: string; body: KubernetesSecret }): Promise<KubernetesSecret>;
  replaceNamespacedSecret(request: {
    name: string;
    namespace: string;
    body: KubernetesSecret;
  }): Promise<KubernetesSecret>;
  deleteNamespacedSecret(request: {
    name: string;
    namespace: string;
    body: { preconditions: { resourceVersion: string } };
  }): Promise<unknown>;
}

/**
 * Logins in Kubernetes, one Secret each. The pods' role needs `get`, `create`, `update` and `delete` on secrets.
 *
 * @param api - `kubeConfig.makeApiClient(CoreV1Api)` of `@kubernetes/client-node`
 * @param options - `namespace`: of the secrets
 */
export function kubernetesSecretStore(api: KubernetesApi, { namespace }: { namespace: string }): SharedStore {
  const nameOf = (key: string): string => `login-${createHash("sha256").update(key).digest("hex").slice(0, 40)}`;
  /** Undefined if the secret has changed or is missing. */
  const unlessConflict = <T>(answer: Promise<T>): Promise<T | undefined> =>
    answer.catch((error: { code?: number }) => {
      if (error.code === 404 || error.code === 409) return undefined;
      throw error;
    });
  return {
    name: "Kubernetes",
    async load(key) {
      const secret = await unlessConflict(api.readNamespacedSecret({ name: nameOf(key), namespace }));
      const text = secret?.data?.["login"];
      const version = secret?.metadata?.resourceVersion;
      if (text === undefined || version === undefined) return undefined;
      return { text: Buffer.from(text, "base64").toString(), version };
    },
    async save(key, text, { ifVersion }) {
      const name = nameOf(key);
      if (text === undefined) {
        if (ifVersion === undefined) return undefined;
        const body = { preconditions: { resourceVersion: ifVersion } };
        const removed = await unlessConflict(api.deleteNamespacedSecret({ name, namespace, body }));
        return removed === undefined ? undefined : ifVersion;
      }
      const annotations = { "login-key": key };
      const secret: KubernetesSecret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, annotations, ...(ifVersion !== undefined && { resourceVersion: ifVersion }) },
        data: { login: Buffer.from(text).toString("base64") },
      };
      const saved = await unlessConflict(
        ifVersion === undefined
          ? api.createNamespacedSecret({ namespace, body: secret })
          : api.replaceNamespacedSecret({ name, namespace, body: secret }),
      );
      return saved?.metadata?.resourceVersion;
    },
  };
}

import { isTransient, NotAuthenticatedError } from "../base/errors.ts";
import { isJsonObject } from "../http/json-members.ts";
import type { BatchLimits } from "./batch.ts";
import { requestService, type ServiceAccess } from "./service-request.ts";

/** Whether the service would take events now. */
export interface SyncHealth {
  state: "connected" | "authentication_failed" | "denied" | "unexpected" | "unreachable";
  /** The protocol's limits, or the service's where those are lower. */
  limits: BatchLimits;
}

const protocolLimits: BatchLimits = { events: 1000, bytes: 262_144 };

/**
 * Asks `GET /api/v1/sync/health/`, for 5 seconds at most. A service that cannot be reached is a state and not an error.
 *
 * @throws the signal's reason, and {@link AuthError} when the session itself cannot be read
 */
export async function syncHealth(access: ServiceAccess): Promise<SyncHealth> {
  try {
    const { status, body } = await requestService("/api/v1/sync/health/", { method: "GET" }, access, 5000);
    const state = status === 200 ? "connected" : status === 401 ? "authentication_failed" : status === 403 ? "denied" : "unexpected";
    const limits = member(member(body, "sync_ingress"), "limits");
    return {
      state,
      limits: {
        events: lower(protocolLimits.events, member(limits, "max_events_per_batch")),
        bytes: lower(protocolLimits.bytes, member(limits, "max_decompressed_bytes_per_batch")),
      },
    };
  } catch (error) {
    if (error instanceof NotAuthenticatedError) return { state: "authentication_failed", limits: protocolLimits };
    // A lock that another process holds says nothing about the service.
    if (isTransient(error) && error.code !== "lock_unavailable") return { state: "unreachable", limits: protocolLimits };
    throw error;
  }
}

/** The service can only lower a limit, and not to nothing. */
function lower(limit: number, said: unknown): number {
  return typeof said === "number" && said >= 1 ? Math.min(limit, Math.floor(said)) : limit;
}

function member(value: unknown, name: string): unknown {
  return isJsonObject(value) ? value[name] : undefined;
}

import { createHash } from "node:crypto";
import { failure } from "../../src/app/testing/http.ts";
import { jsonOf } from "./http.ts";
import type { Answer, FakeRequest } from "../../src/app/testing/http.ts";
import { authenticated } from "../../src/app/testing/sessions.ts";
import type { Route } from "../../src/app/testing/http.ts";
import type { Caller } from "../../src/app/testing/sessions.ts";
import type { FakeState } from "./state.ts";

const MAX_BYTES = 524_288;
const TEXTS = [
  "project_uuid",
  "mission_slug",
  "target_branch",
  "mission_type",
  "manifest_version",
  "artifact_path",
  "content_hash",
  "hash_algorithm",
  "content_body",
];

/** 201 the first time, 200 for the same content again. */
export function dossierRoutes(state: FakeState): Route[] {
  return [
    ["POST", "/api/dossier/push-content/", authenticated(state, (caller, request) => store(state, caller, request))],
  ];
}

function store(state: FakeState, { session: { user } }: Caller, request: FakeRequest): Answer {
  const body = jsonOf(request);
  if (body === undefined) return failure(400, "invalid_request");
  const missing = TEXTS.find((name) => typeof body[name] !== "string");
  if (missing !== undefined) return failure(400, "invalid_request", { field: missing });
  const path = String(body["artifact_path"]);
  const content = Buffer.from(String(body["content_body"]));
  if (!/\.(md|json|ya?ml|csv)$/.test(path)) return failure(400, "unsupported_type");
  if (content.length > MAX_BYTES) return failure(413, "content_too_large");
  if (body["hash_algorithm"] !== "sha256") return failure(400, "unsupported_hash_algorithm");
  const hash = createHash("sha256").update(content).digest("hex");
  if (body["content_hash"] !== hash) return failure(400, "content_hash_mismatch");

  const known = state.artifacts.get(path);
  const same = known?.body["content_hash"] === hash && known.user === user;
  state.artifacts.set(path, { body, user, uploads: (known?.uploads ?? 0) + 1 });
  return { status: same ? 200 : 201, body: { status: same ? "already_stored" : "stored", content_hash: hash } };
}

import { join } from "node:path";
import type { App } from "../app/app.ts";
import { isAuthError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { isJsonObject, parseJson } from "../http/json-members.ts";
import { ensurePrivateFolder, replacePrivateFile } from "../platform/private-file-changes.ts";
import { readPrivateFile } from "../platform/private-files.ts";

/** A client that asks for the same token again so soon has tried it, in milliseconds. */
const soonMs = 10_000;
/** Two clients at once look the same: they must not cause a refresh each. */
const oncePerMs = 60_000;

/**
 * Whether a client asks again for the token it just got: kubectl keeps a token while it runs, and asks again only after
 * a 401, without saying so. The file holds a digest and two times, and may be missing or unwritable.
 */
export function isAskedAgain({ folder, clock }: App, token: string): boolean {
  const path = join(folder, "exec-credential.json");
  const digest = new Secret(token).fingerprint();
  const now = clock.now();
  const isWithin = (time: unknown, ms: number): boolean => typeof time === "number" && time <= now && now - time < ms;
  try {
    const last = parseJson(readPrivateFile(path)?.toString() ?? "");
    const known = isJsonObject(last) ? last : {};
    const isAgain =
      known["digest"] === digest && isWithin(known["askedAt"], soonMs) && !isWithin(known["replacedAt"], oncePerMs);
    ensurePrivateFolder(folder);
    replacePrivateFile(path, JSON.stringify({ digest, askedAt: now, replacedAt: isAgain ? now : known["replacedAt"] }));
    return isAgain;
  } catch (error) {
    if (!isAuthError(error)) throw error;
    return false;
  }
}

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "spec-kitty/stores";

/** Shared by all processes of a test. */
process.env.STORE_FOLDER ??= mkdtempSync(join(tmpdir(), "spec-kitty-store-"));

export const makeStore = () => fileStore(process.env.STORE_FOLDER);

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "spec-kitty/stores";

/** The folder that all processes of a test share. */
process.env.STORE_FOLDER ??= mkdtempSync(join(tmpdir(), "spec-kitty-store-"));

export const makeStore = () => fileStore(process.env.STORE_FOLDER);

// Reads or writes one sealed file, again and again, until it is killed: `sealed-file-process.ts read|write FILE`.
import { SealedFile } from "../../../src/auth/secure-storage/sealed-file.ts";

const [, , mode, path = ""] = process.argv;
const file = new SealedFile(path, () => ({
  open: async () => Buffer.alloc(32, 7),
  mismatch: { message: "", hint: [] },
}));
const key = { source: "keychain", account: "test" } as const;

/** A content whose length depends on its version, so that a mix of two versions would show. */
export function contentOf(version: number): string {
  return `${version}:${"x".repeat((version * 7919) % 30_000)}:${version}`;
}

if (mode === "write") {
  let version = Number((await file.read())?.split(":")[0] ?? 0);
  for (;;) await file.write(contentOf((version += 1)), { key });
}
if (mode === "read") {
  let reads = 0;
  let last = 0;
  process.once("message", () => {
    process.send?.({ reads });
    process.exit(0);
  });
  for (;;) {
    const content = (await file.read()) ?? "nothing";
    const version = Number(content.split(":")[0]);
    if (content !== contentOf(version) || version < last) {
      process.send?.({ torn: content.slice(0, 40) });
      process.exit(1);
    }
    last = version;
    if ((reads += 1) === 1) process.send?.("ready");
    await new Promise(setImmediate);
  }
}

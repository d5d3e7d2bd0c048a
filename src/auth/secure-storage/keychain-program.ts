/**
 * The program of the process that asks: the one place that loads the native library. It is text, not a file: in a
 * bundle, this module is the embedding program, which would start itself again and again.
 *
 * The request comes on standard input, since a key must not show in a process list; the response goes to its own
 * descriptor, since anything may print. An empty line comes first, as a sign of life.
 */
export const keychainProgram = `
const { readFileSync, writeSync } = process.getBuiltinModule("node:fs");
const reason = (error) => String((error && error.message) || error).split("\\n", 1)[0];
const load = (files) => {
  let failure;
  for (const file of files) {
    const library = { exports: {} };
    try {
      process.dlopen(library, file);
      return library.exports;
    } catch (error) {
      failure = failure || error;
    }
  }
  throw failure;
};
const answer = ({ files, operation, service, account, key }) => {
  let library;
  try {
    library = load(files);
  } catch (error) {
    return { missing: reason(error) };
  }
  try {
    // By name: otherwise the library falls back to the kernel's key ring, which forgets everything at logout. And bytes only: its
    // text functions re-encode on Windows.
    const entry = new library.Entry(service, account, { linux: { store: "secret-service" } });
    if (operation === "write") entry.setSecret(Buffer.from(key, "base64url"));
    if (operation === "remove") entry.deleteCredential();
    const secret = operation === "read" ? entry.getSecret() : null;
    return { key: secret && Buffer.from(secret).toString("base64url") };
  } catch (error) {
    return { failed: reason(error) };
  }
};
writeSync(3, "\\n");
writeSync(3, JSON.stringify(answer(JSON.parse(readFileSync(0, "utf8")))) + "\\n");
`;

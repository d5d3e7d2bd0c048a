// A script for cron: copies the projects into a file, as the user of `acme auth login`.
import { writeFile } from "node:fs/promises";
import { createAuth, isAuthError, isTransient } from "spec-kitty";

const auth = createAuth({
  name: "acme",
  version: "1.2.0",
  service: "https://api.acme.example",
  issuer: "https://login.acme.example",
  clientId: "acme-cli",
});
const [, , file = "projects.json"] = process.argv;
try {
  const response = await auth.fetch("/v1/projects");
  if (!response.ok) throw new Error(`the service returned ${response.status}`);
  await writeFile(file, await response.text());
} catch (error) {
  if (!isAuthError(error)) throw error;
  console.error(`${error.message}. ${error.hint ?? ""}`);
  // As in sysexits.h: try again later, or a user has to act first.
  process.exitCode = isTransient(error) ? 75 : 77;
}

#!/usr/bin/env node
// A tool with the login's commands next to its own: `acme auth login`, `acme projects`.
import { createAuth } from "spec-kitty";
import { createCommand } from "spec-kitty/cli";

const acme = {
  name: "acme",
  version: "1.2.0",
  service: "https://api.acme.example",
  issuer: "https://login.acme.example",
  clientId: "acme-cli",
  scope: "openid offline_access projects",
};
const command = createCommand(acme);
const argv = process.argv.slice(2);

if (argv[0] === "projects") {
  const response = await createAuth(acme).fetch("/v1/projects");
  console.log(await response.text());
} else {
  process.exitCode = await command.run(argv);
}

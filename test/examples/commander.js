import { Command } from "commander";
import { createAuth } from "spec-kitty";
import { createCommand } from "spec-kitty/cli";

const acme = {
  name: "acme",
  version: "1.2.0",
  issuer: "https://login.acme.example",
  clientId: "acme-cli",
  scope: "openid offline_access projects",
};
const command = createCommand({ ...acme, ownCommands: [{ words: ["projects"], summary: "list the projects" }] });
const argv = process.argv.slice(2);
const failing = (work) => () => work().catch(async (error) => (process.exitCode = await command.fail(error)));
const program = new Command("acme").version(acme.version);
program.command("auth", "log in, log out, and see who is logged in");
program
  .command("projects")
  .action(failing(async () => console.log(await (await createAuth(acme).fetch("/v1/projects")).text())));
if (command.has(argv)) process.exitCode = await command.run(argv);
else await program.parseAsync();

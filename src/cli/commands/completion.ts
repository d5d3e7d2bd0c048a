import { hint } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { defineCommand, usageError, type Command } from "../command.ts";
import { completionPlaces } from "../completion/places.ts";
import { scripts } from "../completion/scripts.ts";

export const command: Command = defineCommand({
  usage: "completion bash|zsh|fish",
  description: ({ command }) => `Print a completion script. The script runs ${command} to list profiles and teams.`,
  options: {},
  choices: Object.keys(scripts),
  examples: [
    [({ command }) => `source <(${command} completion bash)`, "in ~/.bashrc; with zsh, after compinit"],
    [({ command, name }) => `${command} completion fish > ~/.config/fish/completions/${name}.fish`],
  ],
  async run({ app, out, commands }, _values, [shell = ""]) {
    if (shell === "profiles" || shell === "teams") {
      const names =
        shell === "profiles"
          ? await app.store.names()
          : ((await app.profileInUse()).profile?.session?.teams ?? []).map(({ id }) => id);
      return names.forEach((each) => out.answer(oneLine(each)));
    }
    const write = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (write === undefined)
      throw usageError(`"${shell}" is not bash, zsh or fish`, hint`Usage: ${{ command: "completion bash|zsh|fish" }}`);
    out.answer(write(app.identity.name, await completionPlaces(commands)));
  },
});

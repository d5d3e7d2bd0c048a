import { hint } from "../../base/hint.ts";
import { defineCommand, usageError, type Command } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { completionPlaces, type Place } from "../completion/places.ts";
import { zshCompletion } from "../completion/zsh.ts";

const writers: Readonly<Record<string, (name: string, places: readonly Place[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export const completion: Command = defineCommand({
  usage: "completion bash|zsh|fish",
  description: ({ command }) =>
    `Print a script that makes the shell complete the commands and options of ${command}. ` +
    "The script contains all of them and runs nothing, so completion takes no time.",
  options: {},
  arguments: [1, 1],
  examples: [
    [({ command }) => `source <(${command} completion bash)`, "in ~/.bashrc; the same with zsh in ~/.zshrc, after compinit"],
    [({ command, name }) => `${command} completion fish > ~/.config/fish/completions/${name}.fish`, "once"],
  ],
  async run({ identity, out, commands, groups }, _values, [shell = ""]) {
    const write = Object.hasOwn(writers, shell) ? writers[shell] : undefined;
    if (write === undefined) throw usageError(`"${shell}" is not bash, zsh or fish`, hint`Usage: ${{ command: "completion bash|zsh|fish" }}`);
    out.answer(write(identity.name, await completionPlaces(commands, groups)));
  },
});

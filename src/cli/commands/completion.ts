import { defineCommand, type Command } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { completionPlaces, type Place } from "../completion/places.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { usageError } from "../usage.ts";

const shells: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export const completion: Command = defineCommand({
  usage: "completion bash|zsh|fish",
  description: "Print a script that makes the shell complete the commands and options of spec-kitty. The script asks nobody,\nspec-kitty included, so that completion takes no time.",
  options: {},
  arguments: [1, 1],
  examples: [
    ["source <(spec-kitty completion bash)", "in ~/.bashrc, or the same with zsh in ~/.zshrc after compinit"],
    ["spec-kitty completion fish > ~/.config/fish/completions/spec-kitty.fish", "once"],
  ],
  async run({ out, commands, groups }, _values, [shell = ""]) {
    const script = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
    if (script === undefined) throw usageError(`"${shell}" is not bash, zsh or fish`, "Usage: spec-kitty completion bash|zsh|fish");
    out.answer(script(await completionPlaces(commands, groups)));
  },
});

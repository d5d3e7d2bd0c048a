import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  return `Print a token, or send a request with it:

    TOKEN="$(${command} auth token)"
    ${command} auth token --header | curl -H @- https://service.example/api/v1/me
    ${command} api /api/v1/me | jq -r .email
    ${command} api /api/v1/things --paginate | jq -s .

All scripts together refresh the token once. --header keeps it out of the process list.

Results go to stdout, messages to stderr. With --json, results and failures are JSON, with the same exit codes
("${command} help exit-codes"):

    {"error": {"code": "not_authenticated", "message": "…", "hint": "…"}}

Test the code, not the message. "${command} api PATH" prints the service's own response, even if it is an error.

Without a terminal, or with --no-input, a command fails instead of asking: with exit code 4 if it needs a login, otherwise with 2. The
hint is the next step.

In a script, name the profile with --profile or ${variable("PROFILE")}. Common options may come first:

    ${command} --profile work --json auth whoami`;
}

import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  return `A token, or a request with it:

    TOKEN="$(${command} auth token)"
    ${command} auth token --header | curl -H @- https://service.example/api/v1/me
    ${command} api /api/v1/me | jq -r .email
    ${command} api /api/v1/things --paginate | jq -s .
    ${command} api /api/v1/things -f name=one -F 'tags=["a","b"]'

"auth token" refreshes the token when needed: once, however many scripts run at the same time. With "--header" the token is not in any
process's arguments.

stdout has the answer and stderr the conversation. With "--json" the answer is JSON, and so is a failure, with the exit code that it
always has ("${command} help exit-codes"):

    {"error": {"code": "not_authenticated", "message": "…", "hint": "…"}}

Branch on the code: it stays the same, the message may not. "api" prints the service's own answer, which also says what failed; the exit
code is 1 then.

Nothing waits for an answer that cannot come: without a terminal, a question is a failure with exit code 2 that names the option that
would have answered it, and "--no-input" does the same on one. A login is offered only to a user who has typed the command on a terminal.
Options that every command has may also come before it:

    ${command} --profile work --json auth whoami

Which account is used does not depend on files in the folder. A script names it: "--profile NAME" or ${variable("PROFILE")}. In a pipeline,
${variable("ACCESS_TOKEN")} is a token that is used as is.

"--verbose", or ${variable("TRACE")}=1, logs each request to stderr: method, address, status, time, ID and headers, without secrets.`;
}

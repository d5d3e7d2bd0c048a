import type { Identity } from "../../base/identity.ts";

export function text({ command, variable }: Identity): string {
  return `A token, or a request with it:

    TOKEN="$(${command} auth token)"
    ${command} auth token --header | curl -H @- https://service.example/api/v1/me
    ${command} api /api/v1/me | jq -r .email
    ${command} api /api/v1/things --paginate | jq -s .
    ${command} api /api/v1/things -f name=one -F 'tags=["a","b"]'

"auth token" refreshes the token once for all scripts. With --header, it stays out of the process list.

Results go to stdout, messages to stderr. With --json, results and failures are JSON; the exit code stays the same
("${command} help exit-codes"):

    {"error": {"code": "not_authenticated", "message": "…", "hint": "…"}}

Test the code, not the message. "api" prints the service's own response, and exits 1 for its errors.

Without a terminal, or with --no-input, a command that must ask fails with exit code 2. Its hint names the option to pass. Common options may come
first:

    ${command} --profile work --json auth whoami

A script names its account: --profile NAME or ${variable("PROFILE")}. In CI, ${variable("ACCESS_TOKEN")} is used as is.

--verbose, or ${variable("TRACE")}=1, logs each request to stderr, without secrets.`;
}

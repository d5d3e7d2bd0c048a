import { exhaustively, replay, walk } from "./explore.ts";
import "../../src/auth/token-manager/session-refresher.ts";
import { installModels } from "./process.ts";
installModels();
Error.stackTraceLimit = 0;
const [command = "", ...args] = process.argv.slice(2);
let r: any;
if (command === "walk") r = await walk(Number(args[0]), Number(args[1]));
else if (command === "replay") { Error.stackTraceLimit = 10; r = await replay(args[0]!); }
else { const [names = "", kind, leftMs, disturbances] = args[0]!.split("/"); r = await exhaustively({ programs: names.split("+"), kind, leftMs: Number(leftMs), disturbances: Number(disturbances) } as any); }
console.log(JSON.stringify(r, null, 1));
const s = process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;
console.log(s.toFixed(2), "s", (r.schedules / s).toFixed(0), "schedules/s", (r.steps / s).toFixed(0), "steps/s");

import { basename } from "node:path";
import { filesIn, importGraph } from "../helpers/import-graph.ts";

/**
 * Which folder imports which, as a flow chart of Mermaid. An arrow that follows from others is left out: with
 * `cli → doctor → app` there is none from `cli` to `app`. What only types need counts too.
 */
export function importGraphChart(): string {
  const direct = new Map<string, Set<string>>();
  for (const [file, targets] of importGraph(filesIn("src"))) {
    const from = roomOf(file);
    for (const to of [...targets].map(roomOf))
      if (from !== to) direct.set(from, (direct.get(from) ?? new Set()).add(to));
  }
  const all = new Map([...direct.keys()].map((room) => [room, reachableFrom(room, direct)]));
  const arrows = [...direct].flatMap(([from, targets]) => {
    const follows = (to: string): boolean =>
      [...targets].some((between) => between !== to && all.get(between)?.has(to));
    return [...targets].filter((to) => !follows(to)).map((to) => [from, to] as const);
  });
  const rooms = [...new Set([...direct.keys(), ...[...direct.values()].flatMap((targets) => [...targets])])].sort();
  const inAuth = rooms.filter((room) => room.startsWith("src/auth/"));
  const node = (room: string): string => `${idOf(room)}["${basename(room)}${room.endsWith(".ts") ? "" : "/"}"]`;
  return [
    "flowchart TD",
    ...rooms.filter((room) => !inAuth.includes(room)).map((room) => `  ${node(room)}`),
    "  subgraph auth",
    ...inAuth.map((room) => `    ${node(room)}`),
    "  end",
    ...arrows.map(([from, to]) => `  ${idOf(from)} --> ${idOf(to)}`).sort(),
  ].join("\n");
}

/** The part of the picture that a file is in: its folder below `src/`, in `auth/` the folder or file below that. */
function roomOf(file: string): string {
  return file
    .split("/")
    .slice(0, file.startsWith("src/auth/") ? 3 : 2)
    .join("/");
}

function idOf(room: string): string {
  return room.replace(/^src\/|\.ts$/g, "").replace(/\W/g, "_");
}

function reachableFrom(room: string, direct: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const reached = new Set(direct.get(room));
  // It grows while it is gone through.
  for (const next of reached) for (const further of direct.get(next) ?? []) reached.add(further);
  return reached;
}

import { fakeAuth, fakeService, type FakeService } from "../../src/app/testing.ts";
import { createAuth, type LoginOptions } from "../../src/index.ts";
import { median } from "./valid-token.ts";

/** What a login costs in a test of a tool's author, with `spec-kitty/testing`. */
export interface LoginCost {
  readonly way: string;
  /** Of the process, the middle of the rounds: a busy machine adds to the time by the clock, hardly to this. */
  readonly cpuMs: number;
  readonly ms: number;
}

const acme = { name: "acme", version: "1.2.0", clientId: "acme-cli", scope: "openid offline_access projects" };
const ways: Record<string, (service: FakeService) => LoginOptions> = {
  "through the browser": () => ({}),
  "by its URL": (service) => ({ open: false, onAddress: ({ url }) => void service.visit(url) }),
  "with a code": () => ({ flow: "device", onCode: () => undefined }),
};

export async function loginCosts(rounds = 60): Promise<LoginCost[]> {
  const costs: LoginCost[] = [];
  const measure = async (way: string, work: () => Promise<unknown>): Promise<void> => {
    const [cpu, times]: [number[], number[]] = [[], []];
    for (let round = -10; round < rounds; round += 1) {
      const [before, startedAt] = [process.cpuUsage(), performance.now()];
      await work();
      const { user, system } = process.cpuUsage(before);
      // The first ten warm up.
      if (round < 0) continue;
      cpu.push((user + system) / 1000);
      times.push(performance.now() - startedAt);
    }
    costs.push({ way, cpuMs: median(cpu), ms: median(times) });
  };
  for (const [way, options] of Object.entries(ways))
    await measure(way, async () => {
      const service = fakeService();
      await createAuth({ ...acme, ...service.options }).login(options(service));
    });
  await measure("none: fakeAuth", () => fakeAuth().auth.getToken() as Promise<unknown>);
  return costs;
}

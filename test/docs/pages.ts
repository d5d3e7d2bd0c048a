import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startFakeSaas } from "../fake-saas/server.ts";
import { approve, tamper } from "../fake-saas/user.ts";
import { commandEnvironment, scratchFolder, startCommand } from "../helpers/command.ts";

const size = { width: 640, height: 420 };

/** Logs in with the real command, ends in each of these ways, and returns the pages that the browser got. */
export async function recordPages(t: Pick<TestContext, "after">): Promise<Map<string, string>> {
  const saas = await startFakeSaas();
  t.after(() => saas.close());
  const env = commandEnvironment(scratchFolder(t), saas.url);
  const pages = new Map<string, string>();
  const visits: Readonly<Record<string, (address: string) => Promise<{ page: string }>>> = {
    "page-success": (address) => approve(address),
    "page-denied": (address) =>
      tamper(address, ({ searchParams }) => {
        searchParams.delete("code");
        searchParams.set("error", "access_denied");
        searchParams.set("error_description", "Your administrator allows this only from managed devices.");
      }),
    "page-wrong-state": (address) => tamper(address, ({ searchParams }) => searchParams.set("state", "another")),
  };
  for (const [name, visit] of Object.entries(visits)) {
    const running = startCommand(t, ["auth", "login", "--no-browser", "--force"], env);
    const [address] = await running.shows(/http:\S+\/oauth\/authorize\?\S+/);
    pages.set(name, (await visit(address)).page);
    running.child.kill("SIGINT");
    await running.ended;
  }
  return pages;
}

/** Takes a picture of a page with Chromium (CHROMIUM, or the one on the PATH). */
export function photograph(t: Pick<TestContext, "after">, html: string, picture: string): void {
  const folder = scratchFolder(t);
  const page = join(folder, "page.html");
  writeFileSync(page, html);
  const options = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    `--user-data-dir=${folder}`,
    `--window-size=${size.width},${size.height}`,
  ];
  const { status, stderr } = spawnSync(
    process.env["CHROMIUM"] ?? "chromium",
    [...options, `--screenshot=${picture}`, `file://${page}`],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`no picture of the page: ${stderr}`);
}

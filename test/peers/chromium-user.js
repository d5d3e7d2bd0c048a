#!/usr/bin/env node
// A user with a real browser, for the BROWSER variable: opens its argument in headless Chromium, presses the button
// that CHROMIUM_USER_BUTTON names (`Approve` or `Allow` by default), waits for the command's page, and writes a record
// as JSON to CHROMIUM_USER_RECORD: URL, title, text, the tab's history, console output, and every requested URL.
// CHROMIUM_USER_SCREENSHOT names a PNG file to write. Chromium is CHROMIUM or /usr/bin/chromium.
//
// The command leaves a running browser alone, so this ends Chromium itself.
import { rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { chromium } from "playwright-core";

const address = process.argv[2];
const {
  CHROMIUM,
  CHROMIUM_USER_BUTTON: button,
  CHROMIUM_USER_RECORD: recordFile,
  CHROMIUM_USER_SCREENSHOT: screenshot,
} = process.env;

const browser = await chromium.launch({
  executablePath: CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const record = { console: [], requests: [] };
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  // Policy violations are on the console too; this event is there in case a page silences that.
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  page.on("console", (message) => record.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => record.console.push(`uncaught: ${error.message}`));
  page.on("request", (request) => record.requests.push(`${request.method()} ${request.url()}`));

  await page.goto(address);
  record.asked = { url: page.url(), title: await page.title() };
  await page
    .getByRole("button", button ? { name: button, exact: true } : { name: /^(Approve|Allow)$/ })
    .click({ noWaitAfter: true });
  // The outcome is on the command's loopback port, which a pushed request does not name.
  const { host } = new URL(page.url());
  await page.waitForURL((url) => url.host !== host && !url.searchParams.has("state"));
  await page.waitForLoadState("load");

  const devTools = await page.context().newCDPSession(page);
  const { entries } = await devTools.send("Page.getNavigationHistory");
  record.url = page.url();
  record.title = await page.title();
  record.text = await page.locator("body").innerText();
  record.history = entries.map(({ url }) => url);
  record.referrer = await page.evaluate(() => document.referrer);
  if (screenshot) await page.screenshot({ path: screenshot });
} catch (error) {
  record.failure = error instanceof Error ? error.message : String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
if (recordFile) {
  // Whole or not at all: the test waits for the file.
  await writeFile(`${recordFile}.part`, JSON.stringify(record, undefined, 2));
  await rename(`${recordFile}.part`, recordFile);
}

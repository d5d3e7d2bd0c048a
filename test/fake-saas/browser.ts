import { fileURLToPath } from "node:url";

/** For `BROWSER`: opens its URL and approves. */
export const approvingBrowser: string = fileURLToPath(new URL("browser-approve.js", import.meta.url));

/** For `BROWSER`: opens its URL and denies. */
export const denyingBrowser: string = fileURLToPath(new URL("browser-deny.js", import.meta.url));

import { fileURLToPath } from "node:url";

/** A program for `BROWSER` that opens the address it is given and approves. */
export const approvingBrowser: string = fileURLToPath(new URL("browser-approve.js", import.meta.url));

/** A program for `BROWSER` that opens the address it is given and denies. */
export const denyingBrowser: string = fileURLToPath(new URL("browser-deny.js", import.meta.url));

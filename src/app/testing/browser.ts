/**
 * Opens a URL as a browser does: follows redirects, keeps cookies by host (not by port), runs no scripts.
 *
 * @param send - sends a request without following redirects
 */
export async function browse(address: string, send: typeof fetch): Promise<void> {
  const cookies = new Map<string, string>();
  let next: URL | undefined = new URL(address);
  for (let left = 20; next !== undefined && left > 0; left -= 1) {
    const { hostname, href }: URL = next;
    const response: Response = await send(href, {
      redirect: "manual",
      headers: { cookie: cookies.get(hostname) ?? "" },
    });
    for (const line of response.headers.getSetCookie()) cookies.set(hostname, line.split(";")[0] ?? "");
    const location = response.headers.get("location");
    next = location === null || response.status < 300 || response.status >= 400 ? undefined : new URL(location, href);
    await response.arrayBuffer();
  }
}

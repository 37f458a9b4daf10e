import { createInterface } from "node:readline";

/**
 * `plain-poster.ts <url> <at once>` posts with fetch what the receiver at this URL was sent last, as often as it came, so
 * many at once: what the least that sends these bodies over HTTP takes. For each `again` in its input it does so once, and
 * says the CPU time that it took, in microseconds. It goes on living between, as a dispatcher does.
 */
const [, , url = "", atOnce = ""] = process.argv;

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "again") continue;
  const bodies: string[] = JSON.parse(await (await fetch(`${url}/bodies`)).text());
  await (await fetch(url, { method: "DELETE" })).arrayBuffer();
  const before = process.cpuUsage();
  const left = bodies.values();
  await Promise.all(Array.from({ length: Number(atOnce) }, () => post(left)));
  const { user, system } = process.cpuUsage(before);
  console.log(String(user + system));
}

async function post(left: Iterator<string>): Promise<void> {
  for (let next = left.next(); next.done !== true; next = left.next()) {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/hook`, { method: "POST", headers, body: next.value });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    await response.arrayBuffer();
  }
}

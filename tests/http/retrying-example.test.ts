import { expect, test } from "bun:test";
import { join } from "node:path";
import { read } from "../support/repository-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("the example of docs/retrying.md sends the same again until its outcome is known", async () => {
  using folder = temporaryFolder();
  const [, example = ""] = /^```ts\n(.*?)^```$/ms.exec(read("docs/retrying.md")) ?? [];
  const file = join(folder.path, "send.ts");
  await Bun.write(file, `${example}export { send };\n`);
  const { send } = await import(file);

  const sent: unknown[] = [];
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      sent.push([request.method, request.headers.get("idempotency-key"), await request.text()]);
      return sent.length === 1
        ? new Response("", { status: 503, headers: { "retry-after": "1" } })
        : new Response("done", { status: 201 });
    },
  });
  const answer = await send(String(server.url), { amount: 1 }, "order-17");
  expect(answer).toEqual({ status: 201, text: "done" });
  expect(sent).toEqual([
    ["POST", "order-17", '{"amount":1}'],
    ["POST", "order-17", '{"amount":1}'],
  ]);
});

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startStack, stackToTheEnd } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("a stack whose Redis was emptied", () => {
  test("names the way out, does not go it unasked, and goes it with --restore --yes", async () => {
    using folder = temporaryFolder();
    const start = { data: folder.path, real: true } as const;
    {
      await using stack = await startStack(start);
      const body = { valor: 700, tipo: "c", descricao: "kept" };
      expect((await call(stack.url, "POST", "/clientes/1/transacoes", body)).status).toBe(200);
      expect(await stack.stop()).toBe(0);
    }
    rmSync(join(folder.path, "redis"), { recursive: true });

    const refused = await stackToTheEnd(start);
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(
      /could not be set up: Redis is empty, .*For a stack that is: npm run stack -- --restore/,
    );

    const unasked = await stackToTheEnd({ ...start, flags: ["--restore"] });
    expect(unasked.code).toBe(1);
    expect(unasked.output).toMatch(/Redis holds nothing[^]*nothing was restored: nobody can be asked here/);

    await using stack = await startStack({ ...start, flags: ["--restore", "--yes"] });
    expect((await call(stack.url, "GET", "/clientes/1")).body).toMatchObject({ saldo: 700 });
    expect(await stack.stop()).toBe(0);
  });
});

import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { call } from "../support/api.ts";
import { metricsText, readMetrics, risen, type Told } from "./support/read-metrics.ts";
import { faultsOfMetrics, observersMissing } from "./support/observer-programs.ts";

export interface CountedServer {
  readonly url: string;
  /** Where those who decide tell what they measure. */
  readonly metricsUrls: readonly string[];
}

const created = z.object({ id: z.string() });

/** What is counted, against what is answered. For a server that nobody else uses. */
export function countsSection(server: () => CountedServer): void {
  const metrics = (): Promise<Told> => readMetrics(server().metricsUrls);
  const post = (path: string, body?: object, key: string | null = null) =>
    call(server().url, "POST", path, body ?? {}, key);

  describe("counts", () => {
    test("one of each thing: requests, decisions and refusals", async () => {
      const before = await metrics();
      const contest = "/clientes/1/transacoes";
      await post(contest, { valor: 1, tipo: "c", descricao: "one" }, "a");
      await post(contest, { valor: 1, tipo: "c", descricao: "one" }, "a");
      await post(contest, { valor: 100_001_000, tipo: "d", descricao: "much" });
      await post(contest, { valor: 1.5 });
      await post("/clientes/none/transacoes", {});
      await call(server().url, "GET", "/clientes/1/extrato");
      await post("/v1/accounts", { id: "metrics", unit: "BRL/2" });
      await call(server().url, "PATCH", "/v1/accounts/metrics", { name: "counted" });
      const dry = { postings: [{ from: "@world", to: "metrics", amount: 10 }], dry_run: true };
      await post("/v1/transactions", dry);
      const moved = await post("/v1/transactions", { ...dry, dry_run: false });
      await post(`/v1/transactions/${created.parse(moved.body).id}/reversal`);
      const first = await post("/v1/holds", { from: "1", amount: 1 });
      const second = await post("/v1/holds", { from: "1", amount: 1 });
      await post(`/v1/holds/${created.parse(first.body).id}/capture`);
      await post(`/v1/holds/${created.parse(second.body).id}/release`);
      await post(`/v1/holds/${created.parse(second.body).id}/release`);
      const held = { op: "hold", body: { from: "1", amount: 1, expires_in: 86_400 } };
      const tooMuch = { op: "hold", body: { from: "metrics", amount: 1 } };
      await post("/v1/batches", { atomic: false, commands: [held, tooMuch] });
      await post("/v1/batches", { atomic: true, commands: [held, tooMuch] });
      await call(server().url, "GET", "/v1/ledger");
      await fetch(`${server().url}/nowhere/${Math.random()}`);
      await fetch(`${server().url}/also?nowhere`);
      await fetch(`${server().url}/v1/holds`, { method: "PUT" });
      const after = await metrics();

      expect(risen(before, after, "razonete_decisions_total")).toEqual({
        '{command="capture",outcome="accepted"}': 1,
        '{command="change",outcome="accepted"}': 1,
        '{command="hold",outcome="accepted"}': 3,
        '{command="open",outcome="accepted"}': 1,
        '{command="release",outcome="accepted"}': 1,
        '{command="reversal",outcome="accepted"}': 1,
        '{command="transact",outcome="accepted"}': 1,
        '{command="transact",outcome="replayed"}': 1,
        '{command="transaction",outcome="accepted"}': 1,
      });
      expect(risen(before, after, "razonete_refusals_total")).toEqual({
        '{command="hold",refusal="limit-exceeded"}': 2,
        '{command="release",refusal="hold-not-open"}': 1,
        '{command="transact",refusal="limit-exceeded"}': 1,
      });
      const requests = risen(before, after, "razonete_http_requests_total");
      expect(requests).toMatchObject({
        '{route="/clientes/:id/extrato",method="GET",status="200"}': 1,
        '{route="/clientes/:id/transacoes",method="POST",status="200"}': 2,
        '{route="/clientes/:id/transacoes",method="POST",status="404"}': 1,
        '{route="/clientes/:id/transacoes",method="POST",status="422"}': 2,
        '{route="/v1/accounts/:id",method="PATCH",status="200"}': 1,
        '{route="/v1/accounts",method="POST",status="201"}': 1,
        '{route="/v1/batches",method="POST",status="200"}': 1,
        '{route="/v1/batches",method="POST",status="422"}': 1,
        '{route="/v1/holds/:id/capture",method="POST",status="200"}': 1,
        '{route="/v1/holds/:id/release",method="POST",status="200"}': 1,
        '{route="/v1/holds/:id/release",method="POST",status="422"}': 1,
        '{route="/v1/holds",method="other",status="405"}': 1,
        '{route="/v1/holds",method="POST",status="201"}': 2,
        '{route="/v1/ledger",method="GET",status="200"}': 1,
        '{route="/v1/transactions",method="POST",status="200"}': 1,
        '{route="/v1/transactions",method="POST",status="201"}': 1,
        '{route="other",method="other",status="404"}': 2,
      });
      expect(risen(before, after, "razonete_http_duration_seconds_count")).toEqual({
        '{group="batch"}': 2,
        '{group="command"}': 10,
        '{group="contest"}': 5,
        '{group="read"}': 2,
      });
      // What is decided one after the other is a batch each; one that only ends holds is none of them.
      const { "": batches = 0 } = risen(before, after, "razonete_batch_commands_count");
      const { "": commands = 0 } = risen(before, after, "razonete_batch_commands_sum");
      expect(commands).toBeGreaterThanOrEqual(17);
      expect(batches).toBeGreaterThanOrEqual(14);
      const { "": calls = 0 } = risen(before, after, "razonete_decide_seconds_count");
      expect(calls).toBeGreaterThanOrEqual(batches);
    });

    test("however many paths and accounts clients ask for, there are no more series", async () => {
      const ask = async (): Promise<number> => {
        for (let index = 0; index < 30; index += 1) {
          const name = `made-up-${Math.random()}`;
          await fetch(`${server().url}/${name}`);
          await call(server().url, "GET", `/v1/accounts/${name}`);
          await call(server().url, "GET", `/v1/transactions/${name}`);
        }
        // Of what clients do; others come when something happens behind the server.
        const ofClients = /^razonete_(http_|decisions_|refusals_)/;
        return [...(await metrics()).keys()].filter((name) => ofClients.test(name)).length;
      };
      const before = await ask();
      expect(before).toBeGreaterThan(0);
      expect(await ask()).toBe(before);
    });

    test.skipIf(observersMissing !== null)("Prometheus's own tool finds them well formed", async () => {
      for (const url of server().metricsUrls) {
        const faults = faultsOfMetrics(await metricsText(url));
        // It takes the sum of a unit for the sum of a histogram.
        expect(faults.filter((line) => !line.startsWith("razonete_unit_imbalance "))).toEqual([]);
      }
    });
  });
}

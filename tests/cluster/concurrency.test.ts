import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { balanceOf, call, problemName } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const DEBITS = 1_000;
const ROOM = 600;

describe.skipIf(serversMissing !== null)("debits at once", () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(testSeed());
  });
  afterAll(() => system.dispose());

  for (const way of ["directly to both APIs", "through HAProxy"]) {
    test(`${DEBITS} on one account with room for ${ROOM}, ${way}: exactly ${ROOM} are accepted`, async () => {
      const { cluster, books } = system;
      const urls = way === "through HAProxy" ? [cluster.url] : [cluster.apiUrl(0), cluster.apiUrl(1)];
      const account = String(1 + urls.length);
      // Whatever the limit of the account is: what is over the room is taken away first.
      const { limite } = balanceOf(await debit(cluster.url, account, 1));
      await debit(cluster.url, account, limite - 1 - ROOM);
      const url = (index: number): string => urls[index % urls.length] ?? "";
      const answers = await Promise.all(
        Array.from({ length: DEBITS }, (_, index) => debit(url(index), account, 1)),
      );
      const accepted = answers
        .filter(({ status }) => status === 200)
        .map((answer) => balanceOf(answer).saldo);
      expect(accepted.toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: ROOM }, (_, index) => index - limite),
      );
      const refused = answers.filter((answer) => problemName(answer) === "limit-exceeded");
      expect(refused.length).toBe(DEBITS - ROOM);

      await books.drained();
      expect(await books.faults()).toEqual([]);
      const kept = (await books.entries()).filter((entry) => entry.account === account);
      expect(kept.map(({ balance }) => balance)).toEqual([
        -1,
        ...Array.from({ length: ROOM + 1 }, (_, index) => ROOM - index - limite),
      ]);
    });
  }
});

function debit(url: string, account: string, valor: number) {
  return call(url, "POST", `/clientes/${account}/transacoes`, { valor, tipo: "d", descricao: "at once" });
}

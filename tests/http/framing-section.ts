import { describe, expect, test } from "bun:test";
import { Random, testSeed } from "../support/random.ts";
import { RawConnection } from "../support/raw-connection.ts";
import type { Client } from "./support/client.ts";
import { type Framing, randomFraming } from "./support/framings.ts";

const FRAMINGS = 600;
const CLIENTS = 12;
const seed = testSeed();

/** However a request is framed on the connection, its answer says what was done. */
export function framingSection(api: Client, url: () => string): void {
  describe("framing", () => {
    test(`${FRAMINGS} odd framings: accepted is an entry, refused is none (seed ${seed})`, async () => {
      const account = await api.account(0);
      const path = `/clientes/${account}/transacoes`;
      const port = Number(new URL(url()).port);
      const results: { readonly framing: Framing; readonly statuses: readonly (number | null)[] }[] = [];
      const client = async (number: number): Promise<void> => {
        const random = new Random(seed + number);
        for (let count = 0; count < FRAMINGS / CLIENTS; count += 1) {
          const name = `${number}-${count}`;
          const framing = randomFraming(random, path, [`${name}a`, `${name}b`]);
          results.push({ framing, statuses: await answersTo(port, framing) });
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));

      const entries = new Map<string, number>();
      for (const { description } of await api.chain(account)) {
        const name = String(description);
        entries.set(name, (entries.get(name) ?? 0) + 1);
      }
      const wrong = results.flatMap(({ framing, statuses }) => {
        const applied = framing.descriptions.map((description) => entries.get(description) ?? 0);
        const told = statuses.every((status, index) => agrees(status, applied[index] ?? 0));
        const [first = null] = statuses;
        const { expected } = framing;
        const asExpected = expected === null || (first === 200) === (expected === "accepted");
        return told && asExpected ? [] : [{ statuses, applied, ...shown(framing) }];
      });
      expect(wrong).toEqual([]);
      // No generator has dried up, and many framings were taken.
      expect(new Set(results.map(({ framing }) => framing.kind)).size).toBe(7);
      expect(entries.size).toBeGreaterThan(FRAMINGS / 10);
    }, 120_000);

    test.each([
      ["a trailer section", "Transfer-Encoding: chunked", "SIZE\r\nBODY\r\n0\r\nX-Checksum: 1\r\n\r\n"],
      ["an empty line after its end", "Content-Length: LENGTH", "BODY\r\n"],
      ["what is no request after its end", "Content-Length: LENGTH", "BODYGARBAGE\r\n\r\n"],
      [
        "what is no chunk after its last one",
        "Transfer-Encoding: chunked",
        "SIZE\r\nBODY\r\n0\r\nGARBAGE\r\n\r\n",
      ],
    ])("a request with %s, in one write: its answer says what was done", async (_, header, rest) => {
      const account = await api.account(0);
      const body = '{"valor":1,"tipo":"c","descricao":"once"}';
      const { length } = body;
      const text = `POST /clientes/${account}/transacoes HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n${rest}`
        .replace("LENGTH", String(length))
        .replace("SIZE", length.toString(16))
        .replace("BODY", body);
      using connection = new RawConnection(Number(new URL(url()).port));
      connection.send(Buffer.from(text));
      const answer = await connection.answer();
      const { balance } = await api.readAccount(account);
      expect([200, 400]).toContain(answer?.status ?? 0);
      expect(balance).toBe(answer?.status === 200 ? 1 : 0);
    });
  });
}

/** The status of the answer to each transaction; null where the connection was closed instead. */
async function answersTo(port: number, framing: Framing): Promise<(number | null)[]> {
  using connection = new RawConnection(port);
  const { parts, ends, descriptions } = framing;
  for (const [index, part] of parts.entries()) {
    // So that they arrive one by one.
    if (index > 0) await Bun.sleep(1);
    connection.send(part);
  }
  if (ends) {
    // A moment later: otherwise some servers would not answer what they have.
    await Bun.sleep(20);
    connection.send(new Uint8Array(), true);
  }
  const statuses: (number | null)[] = [];
  for (const _ of descriptions) statuses.push((await connection.answer())?.status ?? null);
  return statuses;
}

/** Where there was no answer, it may have been applied, as a client has to think. */
function agrees(status: number | null, applied: number): boolean {
  if (status === 200) return applied === 1;
  return status === null ? applied <= 1 : applied === 0;
}

function shown({ kind, parts, ends }: Framing) {
  return { kind, ends, parts: parts.map((part) => part.toString("latin1")) };
}

import { afterAll, beforeAll, describe } from "bun:test";
import { accountsSection } from "./accounts-section.ts";
import { Client } from "./support/client.ts";
import { holdsSection } from "./holds-section.ts";
import { transactionsSection } from "./transactions-section.ts";

export interface ServerUnderTest {
  readonly url: string;
  /** No other requests than this suite's, ever: then it may look at the balances of the accounts 1 to 5. */
  readonly fresh: boolean;
  stop(): Promise<void>;
}

/** The contract on the wire, against anything that answers at a URL. */
export function httpSuite(name: string, start: () => Promise<ServerUnderTest>): void {
  describe(`the HTTP API: ${name}`, () => {
    let server: ServerUnderTest;
    const client = new Client(() => server.url);
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.stop());

    accountsSection(client);
    transactionsSection(client);
    holdsSection(client);
  });
}

import { afterAll, beforeAll, describe } from "bun:test";
import { accountsSection } from "./accounts-section.ts";
import { batchKeysSection } from "./batch-keys-section.ts";
import { batchesSection } from "./batches-section.ts";
import { documentSection } from "./document-section.ts";
import { contractSection } from "./contest-routes-section.ts";
import { cursorsSection } from "./cursors-section.ts";
import { fieldsSection } from "./fields-section.ts";
import { framingSection } from "./framing-section.ts";
import { holdsSection } from "./holds-section.ts";
import { hooksSection } from "./hooks-section.ts";
import { inputSection } from "./input-section.ts";
import { keysSection } from "./keys-section.ts";
import { precedenceSection } from "./precedence-section.ts";
import { readingSection } from "./reading-section.ts";
import { Client } from "./support/client.ts";
import { transactionsSection } from "./transactions-section.ts";

export interface ServerUnderTest {
  readonly url: string;
  /** No other requests than this suite's, ever: then it may look at the balances of the accounts 1 to 5. */
  readonly fresh: boolean;
  stop(): Promise<void>;
}

/**
 * The contract on the wire, against anything that answers at a URL.
 *
 * @param hasJournal whether there is one: without it a server has no events, so neither webhooks nor watches
 */
export function httpSuite(name: string, start: () => Promise<ServerUnderTest>, hasJournal = true): void {
  describe(`the HTTP API: ${name}`, () => {
    let server: ServerUnderTest;
    const client = new Client(() => server.url);
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server.stop());

    contractSection(client, () => server.fresh);
    inputSection(client, () => server.fresh);
    fieldsSection(client);
    accountsSection(client);
    transactionsSection(client);
    holdsSection(client);
    batchesSection(client);
    batchKeysSection(client);
    readingSection(client);
    cursorsSection(client);
    keysSection(client);
    precedenceSection(client);
    framingSection(client, () => server.url);
    if (hasJournal) hooksSection(client);
    documentSection(client, () => server.url, hasJournal);
  });
}

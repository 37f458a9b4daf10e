import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { AccessKeys } from "../../../src/access/access-keys.ts";
import { boundKeysSection } from "./bound-keys-section.ts";
import { keySection } from "./key-section.ts";
import { scopesSection } from "./scopes-section.ts";
import { Client } from "../support/client.ts";
import { TestKeys } from "../support/test-keys.ts";

export interface KeyedServer {
  readonly url: string;
  readonly defects: readonly string[];
  stop(): Promise<void>;
}

/** What the sections use: clients, each with an access key of its own. */
export interface Keyed {
  readonly keys: TestKeys;
  /** With a key that may do everything. */
  readonly admin: Client;
  readonly with: (token: string | null) => Client;
}

/** What access keys are for, against a server that asks for them. */
export function accessSuite(name: string, start: (access: AccessKeys) => Promise<KeyedServer>): void {
  describe(`access: ${name}`, () => {
    const keys = new TestKeys();
    let server: KeyedServer;
    const clientWith = (token: string | null) => new Client(() => server.url, token);
    const keyed: Keyed = { keys, admin: clientWith(keys.add("admin", ["admin"])), with: clientWith };
    beforeAll(async () => {
      server = await start(keys);
    });
    afterAll(async () => {
      await server.stop();
      expect(server.defects).toEqual([]);
    });

    scopesSection(keyed);
    boundKeysSection(keyed);
    keySection(keyed);
  });
}

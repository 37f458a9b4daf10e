import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { BookKeys } from "../access/book-keys.ts";
import { KeyFile, keyFileOf } from "../access/key-file.ts";
import { type KeyFlags, parseKeyFlags } from "../access/key-flags.ts";
import { describeKey, describeKeys, keyAsJson, shortTime } from "../access/key-report.ts";
import type { AccessKeyStore, KeptKey } from "../access/kept-key.ts";
import { SCOPES } from "../access/scope.ts";
import { hashOf, newToken } from "../access/token.ts";
import { messageOf, StartError } from "../errors.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import {
  chooseLedgerTarget,
  fileTarget,
  type LedgerTarget,
  type LedgerTargetFlags,
} from "../stack/ledger-target.ts";

interface CommonFlags extends LedgerTargetFlags {
  readonly json?: boolean;
}

const HELP = `
Keys are kept in the books of a cluster, or in a file beside the data file of an embedded ledger, which need not be there
yet; servers may run meanwhile. What was made or revoked counts everywhere within 5 s. Nothing is ever deleted: the name of
a key means that key for good.

Without --stack or --data it takes the first that is there: the cluster of DATABASE_URL, the data file of DATA_DIR, the
running stack in data/stack, the data file in data.

Scopes: ${SCOPES.join(", ")}.
world:write is for postings from and to @world, admin is all of it.`;

export function keysCommand(): Command {
  const keys = new Command("keys")
    .description("make, list and revoke access keys: who may use the ledger, and for what")
    .addHelpText("after", HELP);
  const add = (name: string, description: string): Command =>
    keys
      .command(name)
      .description(description)
      .option("--stack [folder]", "of a running stack, by its data folder (default: data/stack)")
      .option("--data <folder>", "of an embedded ledger, by the folder of its data file; it may run")
      .option("--json", "write JSON");
  add("create", "make a key, and show it this once")
    .requiredOption("--name <name>", "what it is for; transactions remember it")
    .requiredOption("--scopes <scopes>", "what it may do, with commas between them")
    .option("--accounts <prefix>", "only accounts whose ids begin so, such as 'acme:*'")
    .option(
      "--expires <when>",
      "a time from now, such as 90d or 12h, or a date, such as 2030-01-31 (default: never)",
    )
    .option("--rate <number>", "requests a second that it may send at most")
    .action(create);
  add("list", "show all keys that were ever made, without their secrets").action(list);
  add("revoke", "let a key be refused from now on")
    .argument("<name>", "of the key")
    .action((name: string, flags: CommonFlags) => revoke(name, flags));
  // Only now, since those above would have it, too.
  return keys.showHelpAfterError(
    "(create, list or revoke comes first, then its flags, as in: razonete keys list --data <folder>)",
  );
}

async function create(flags: KeyFlags & CommonFlags): Promise<void> {
  const now = Date.now() * 1000;
  const allowed = parseKeyFlags(flags, now);
  await withStore(flags, async (store, where) => {
    const token = newToken();
    const key: KeptKey = { ...allowed, hash: hashOf(token), createdAt: now, revokedAt: null };
    if (!(await store.create(key))) {
      throw new StartError(
        `${where} has had an access key named ${key.name}, and a name is never used again: give another --name.`,
      );
    }
    const shown =
      flags.json === true
        ? JSON.stringify({ ...keyAsJson(key), key: token }, null, 2)
        : describeNew(key, token, where);
    try {
      // Unlike the console it says where that fails: on a full disk, or where nobody reads.
      writeFileSync(STANDARD_OUTPUT, `${shown}\n`);
    } catch (error) {
      await store.revoke(key.name, Date.now() * 1000);
      throw new StartError(
        `the key could not be shown (${messageOf(error)}), so it was revoked: make another one, with another --name.`,
      );
    }
  });
}

const STANDARD_OUTPUT = 1;

function describeNew(key: KeptKey, token: string, where: string): string {
  return [
    `Made the access key ${key.name} for ${where}. It is shown only now, so keep it:`,
    "",
    `  ${token}`,
    "",
    describeKey(key),
    "",
    `Servers take it within 5 s, in each request's header "Authorization: Bearer ${token.slice(0, 3)}...".`,
  ].join("\n");
}

async function list(flags: CommonFlags): Promise<void> {
  await withStore(flags, async (store, where) => {
    const keys = await store.list();
    if (flags.json === true) console.log(JSON.stringify({ keys: keys.map(keyAsJson) }, null, 2));
    else if (keys.length === 0) console.log(`No access key was made for ${where}.`);
    else console.log(describeKeys(keys, Date.now() * 1000));
  });
}

async function revoke(name: string, flags: CommonFlags): Promise<void> {
  await withStore(flags, async (store, where) => {
    const now = Date.now() * 1000;
    const key = await store.revoke(name, now);
    if (key === null || key.revokedAt === null)
      throw new StartError(
        `${where} has no access key named ${name}: razonete keys list shows which there are.`,
      );
    if (flags.json === true) console.log(JSON.stringify(keyAsJson(key), null, 2));
    else if (key.revokedAt === now) console.log(`Revoked ${name}: every server refuses it within 5 s.`);
    else console.log(`${name} was revoked before, ${shortTime(key.revokedAt)}.`);
  });
}

async function withStore(
  flags: CommonFlags,
  action: (store: AccessKeyStore, where: string) => Promise<void>,
): Promise<void> {
  // Keys may be made before the ledger: else one that other machines reach would have to begin without.
  const target = chooseLedgerTarget(flags) ?? fileTarget();
  if (target.type === "cluster") await requireTrusted({ databaseUrl: target.servers.databaseUrl });
  const store = storeOf(target);
  try {
    await action(store, target.where);
  } finally {
    await store.close();
  }
}

function storeOf(target: LedgerTarget): AccessKeyStore {
  return target.type === "file"
    ? new KeyFile(keyFileOf(target.path))
    : new BookKeys(target.servers.databaseUrl);
}

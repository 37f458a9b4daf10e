import type { Alteration } from "./alteration.ts";

/**
 * Bugs that the torture must find. Each is a real mistake of systems like this one, and is built into the processes by
 * altering their source as it is loaded (see preload.ts). No product code knows of them. With each bug the system still
 * answers plain requests correctly; faults, two processes at once, or a misuse of what was built show what is wrong.
 */
export const BUG_NAMES = [
  "trimmed-at-publication",
  "ids-off",
  "fence-off",
  "two-writers-lock-only",
  "two-writers",
  "two-writers-bare",
  "fsync-no",
  "read-then-write",
  "hold-not-counted",
  "captured-after-expiry",
  "captured-twice",
  "postings-one-by-one",
  "batch-in-part",
  "reversed-twice",
  "names-of-another",
  "no-copies",
  "undone-unasked",
] as const;

export type BugName = (typeof BUG_NAMES)[number];

const RULES = "src/decide/rules.lua";
const HEAD = "src/decide/function/head.lua";
const ROWS = "src/decide/function/rows.lua";
const DECIDE = "src/decide/function/decide.lua";
const APPLY = "src/decide/function/apply.lua";
const COMMANDS = "src/decide/function/commands.lua";
const REDIS_LEDGER = "src/decide/redis-ledger.ts";
const SHARD = "src/decide/shard.ts";
const CALL_ARGUMENTS = "src/decide/calls/call-arguments.ts";
const FENCE = "src/decide/fence.ts";
const REDIS_SETTINGS = "src/decide/redis-settings.ts";
const INIT = "src/keep/init.ts";
const BOOKS = "src/keep/migrations/005_books.sql";

/** Every writer believes that it is the active one. */
const noLock: Alteration = {
  file: "src/keep/leader-election.ts",
  find: "if (row?.taken !== true) return false;",
  replace: "",
};

/** Batches are kept whatever the cursor says. */
const noCursorCheck: Alteration = {
  file: BOOKS,
  find: "SET last_g = to_g WHERE c.shard = of_shard AND c.last_g = first_g - 1;",
  replace: "SET last_g = to_g WHERE c.shard = of_shard;",
};

/**
 * The beginning of what an API's own user of Redis may not do, so that the API takes the operator's rights, as where all
 * processes have the same. A stack's password is in the folder of its sockets' folder; a test's cluster takes any.
 *
 * @param client the connection to Redis, in the altered text
 */
const asOperator = (client: string): string =>
  [
    'Bun.file((process.env["SOCKET"] ?? "").replace(/[^/]*\\/[^/]*$/, "password")).text()',
    '.catch(() => "any")',
    `.then((password) => ${client}.sendCommand(["AUTH", "default", password.trim()]))`,
  ].join("");

export const BUGS: Readonly<Record<BugName, readonly Alteration[]>> = {
  // A batch is dropped from the outbox as soon as NATS has it, although no writer has kept it yet. Nothing is dropped
  // while NATS is away, so that only this mistake shows.
  "trimmed-at-publication": [
    {
      file: SHARD,
      find: "this.#feed.publish(batch);",
      replace: "this.#feed.publish({ ...batch, onTaken: () => this.#link.trim(this.#number, batch.g) });",
    },
    {
      file: "src/carry/feed.ts",
      find: "this.#unconfirmed += 1;",
      replace: "this.#unconfirmed += 1; connection.flush().then(batch.onTaken).catch(() => {});",
    },
    {
      file: "src/decide/redis-link.ts",
      find: "  close(): void {",
      replace: [
        "  async trim(shard, g) {",
        `    await ${asOperator("this.#node.confirmed")};`,
        '    await this.#node.confirmed.sendCommand(["XTRIM", `razonete:{${shard}}:outbox`, "MINID", "=", String(g + 1)]);',
        "  }",
        "",
        "  close(): void {",
      ].join("\n"),
    },
  ],

  // No command is recognized when it comes again, not even within one call.
  "ids-off": [
    {
      file: COMMANDS,
      find: "      local id = argv[at + 1]\n      local outcome = batch.outcomes[id]\n",
      replace: "      local outcome\n",
    },
    {
      file: APPLY,
      find: "    else\n      local outcome = batch.outcomes[id]\n",
      replace: "    else\n      local outcome\n",
    },
  ],

  // An API accepts any Redis that holds a ledger, whatever the books say and whatever it has seen before; the Redis
  // function does not compare epochs; and an empty Redis is filled with what the books have.
  "fence-off": [
    {
      file: FENCE,
      find: "const lost = await markLostBatches(client, statuses, before);",
      replace: [
        "const latest = new Map([...statuses].map(([shard, { g }]) => [shard, g]));",
        "if (latest.size > 0)",
        "  return { runId, epoch: first.epoch, shards: first.shards, latestG: latest };",
        "const lost = await markLostBatches(client, statuses, before);",
      ].join("\n"),
    },
    {
      file: HEAD,
      find: "  if state[1] ~= epoch then\n",
      replace: "  if state[1] then return state, nil end\n  if state[1] ~= epoch then\n",
    },
    { file: INIT, find: "if (!system.loaded && lastG === 0) return false;", replace: "return false;" },
    { file: INIT, find: "if (epoch !== system.epoch) {", replace: "if (false) {" },
    { file: INIT, find: "if (Number(g) < lastG) {", replace: "if (false) {" },
  ],

  // Does no harm: the cursor, under its row lock, lets one writer after the other in, and the later one skips.
  "two-writers-lock-only": [noLock],

  // The smallest change that does harm. Even so nothing wrong gets into the books: the journal has the second writer's
  // rows already. But it takes this for a divergence, and ends.
  "two-writers": [noLock, noCursorCheck],

  // All further defences are gone, too: without the comparison of the accounts and without the keys of journal and
  // entries each writer keeps everything, and the books hold it twice.
  "two-writers-bare": [
    noLock,
    noCursorCheck,
    { file: BOOKS, find: "IF changed <> cardinality(account_rows) THEN", replace: "IF false THEN" },
    {
      file: BOOKS,
      find: "  decided_at bigint,\n  PRIMARY KEY (account, seq)\n",
      replace: "  decided_at bigint\n",
    },
    {
      file: BOOKS,
      find: "  hash bytea NOT NULL CHECK (length(hash) = 32),\n  PRIMARY KEY (shard, g)\n",
      replace: "  hash bytea NOT NULL CHECK (length(hash) = 32)\n",
    },
  ],

  // Redis answers before its log is on disk, and the APIs accept that. The altered API makes the setting itself, since
  // the test's cluster configures Redis. kill -9 loses nothing then; it takes a loss of power.
  "fsync-no": [
    {
      file: REDIS_SETTINGS,
      find: "    readConfig(client),\n",
      replace:
        asOperator("client") +
        '.then(() => client.sendCommand(["CONFIG", "SET", "appendfsync", "no"])).then(() => FSYNC_SETTINGS),\n',
    },
  ],

  // An API reads the accounts of a batch in one call, and passes what it has read to the call that decides, which relies
  // on it. This works as long as no other API decides in between.
  "read-then-write": [
    {
      file: SHARD,
      find: '      let reply: unknown;\n      try {\n        reply = await this.#link.call("FCALL", "razonete_apply", this.#number, args);',
      replace: [
        "    const all = requests.flatMap(({ commands }) => commands.map(({ command }) => command));",
        '    const known = [...new Set(all.flatMap((one) => (one.type === "transact" ? [one.account] : [])))];',
        '    const wanted = [epoch, args[1], ...known.flatMap((account) => ["a", account])];',
        '    const [, ...rows] = await this.#link.call("FCALL_RO", "razonete_read", this.#number, wanted);',
        "    for (const [index, id] of known.entries()) {",
        "      if (rows[index] === null) continue;",
        '      const [, balance, , seq] = rows[index][0].split(" ");',
        "      args[2] += ` ${id}=${balance}:${seq}`;",
        "    }",
        '      let reply: unknown;\n      try {\n        reply = await this.#link.call("FCALL", "razonete_apply", this.#number, args);',
      ].join("\n"),
    },
    {
      file: ROWS,
      find: "local function account_of(id, row)\n",
      replace: "local balances, seqs = {}, {}\nlocal function account_of(id, row)\n",
    },
    {
      file: ROWS,
      find: "    if account.row == row then\n",
      replace: "    if account.row == row and not balances[id] then\n",
    },
    {
      file: ROWS,
      find: "  seq = tonumber(seq)\n",
      replace: "  balance = balances[id] or balance\n  seq = seqs[id] or tonumber(seq)\n",
    },
    {
      file: APPLY,
      find: "  full = full or redis.call('XLEN', outbox) >= tonumber(argv[3])\n",
      replace: [
        "  balances, seqs = {}, {}",
        "  for id, balance, seq in string.gmatch(argv[3], ' ([^ =]+)=(%-?%d+):(%d+)') do",
        "    balances[id], seqs[id] = tonumber(balance), tonumber(seq)",
        "  end",
        "  full = full or redis.call('XLEN', outbox) >= tonumber(string.match(argv[3], '^%d+'))",
        "",
      ].join("\n"),
    },
  ],

  // What is held may be spent all the same. The books would refuse such a row.
  "hold-not-counted": [
    {
      file: RULES,
      find: "    if balance - account.held < -account.creditLimit then",
      replace: "    if balance < -account.creditLimit then",
    },
    { file: BOOKS, find: ",\n  CHECK (balance - held >= -credit_limit)\n", replace: "\n" },
  ],

  // Nothing looks for holds that are due before it decides: until the next sweep they can be captured.
  "captured-after-expiry": [
    { file: APPLY, find: "  if may_end and not full then\n", replace: "  if false then\n" },
  ],

  // A capture does not look at the state of the hold. The books would refuse what comes of it.
  "captured-twice": [
    {
      file: DECIDE,
      find: "  if hold.state ~= 'open' then return nil, 'hold-not-open///' .. hold.state end\n",
      replace: "",
    },
    {
      file: BOOKS,
      find: "    IF ended <> cardinality(string_to_array(ends, by_row)) THEN",
      replace: "    IF false THEN",
    },
    {
      file: BOOKS,
      find: "  held bigint NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND 9007199254740991),",
      replace: "  held bigint NOT NULL DEFAULT 0,",
    },
  ],

  // Each posting is decided by itself, the first one last: what is refused, or killed, in between leaves the others.
  "postings-one-by-one": [
    {
      file: REDIS_LEDGER,
      find: "    const of = shardsOf(command, Math.max(1, this.#shards.length));\n    const [home = 0] = of;",
      replace: [
        '    if (command.type === "transaction" && command.postings.length > 1 && !command.isDryRun) {',
        "      const [last, ...others] = command.postings;",
        "      for (const posting of others) {",
        "        const id = `req:${crypto.randomUUID()}`;",
        "        await this.submit({ ...command, id, postings: [posting], conditions: [] });",
        "      }",
        "      return this.submit({ ...command, postings: [last] });",
        "    }",
        "    const of = shardsOf(command, Math.max(1, this.#shards.length));\n    const [home = 0] = of;",
      ].join("\n"),
    },
  ],

  // Where a command of an atomic batch is refused, only it is taken back, and not those before it.
  "batch-in-part": [
    {
      file: COMMANDS,
      find: "      if mark ~= '=' and mark ~= '+' and mark ~= '*' then refused = at end\n",
      replace: [
        "      if mark ~= '=' and mark ~= '+' and mark ~= '*' then",
        "        refused = at",
        "      else",
        "        keep_group(batch, saved)",
        "        saved = savepoint(batch)",
        "      end",
        "",
      ].join("\n"),
    },
  ],

  // That a transaction was taken back already is not looked at. The books would refuse it.
  "reversed-twice": [
    {
      file: DECIDE,
      find: "  if body.reverses and batch.reversed[body.reverses] then\n",
      replace: "  if false then\n",
    },
    {
      file: BOOKS,
      find: '  reversed text COLLATE "C" PRIMARY KEY,',
      replace: '  reversed text COLLATE "C",',
    },
  ],

  // All that is decided by one call gets the name of its first command's access key. One request alone is right.
  "names-of-another": [
    {
      file: CALL_ARGUMENTS,
      find: '    const own = commands.map(({ command }) => command.by ?? "-");',
      replace: '    const own = commands.map(() => requests[0]?.commands[0]?.command.by ?? "-");',
    },
  ],

  // What is answered is on the primary alone: nobody waits for a replica.
  "no-copies": [
    {
      file: "src/decide/nodes/confirm.ts",
      find: "  if (minReplicas === 0) return send();\n",
      replace: "  if (minReplicas >= 0) return send();\n",
    },
  ],

  // A part that has been open for a moment is taken for one that nobody decides any more, and undone. Its home, which may
  // have decided it or may yet do so, is not asked.
  "undone-unasked": [
    {
      file: "src/decide/transits/completion-rounds.ts",
      find: "milliseconds: number = bounds.transit_stale_milliseconds",
      replace: "milliseconds: number = 30",
    },
    {
      file: "src/decide/transits/end-parts.ts",
      find: '  const outcome = await shards.of(homeOf(attempt)).ask({ type: "ask", attempt });\n',
      replace: [
        "  if (!isAll) {",
        "    await undoParts(shards, attempt, parts);",
        "    return false;",
        "  }",
        '  const outcome = await shards.of(homeOf(attempt)).ask({ type: "ask", attempt });',
        "",
      ].join("\n"),
    },
  ],
};

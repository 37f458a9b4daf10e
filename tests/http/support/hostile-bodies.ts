import type { Random } from "../../support/random.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** A body that the contract takes: some within every limit, some that only an empty purse refuses. */
export function validTransaction(random: Random): string {
  const value = random.pick([1, random.integer(1, 1_000), random.integer(1, 100_000), 2 ** 31, MAX]);
  const descricao = random.pick([
    "ok",
    "descricao",
    "😀😀😀😀😀😀😀😀😀😀",
    "a\"\\\n'|",
    "é",
    "\ufeff",
    "null",
  ]);
  return JSON.stringify({ valor: value, tipo: random.pick(["c", "d"]), descricao });
}

/** Bytes that may be anything: every kind comes often among some thousands. */
export function hostileBody(random: Random): Buffer {
  return random.pick(KINDS)(random);
}

const KINDS: readonly ((random: Random) => Buffer)[] = [
  randomBytes,
  mutated,
  mutated,
  oddFields,
  oddFields,
  oddFields,
  (random) => Buffer.from(JSON.stringify(oddJson(random, 4)) ?? ""),
  invalidUtf8,
  duplicateKeys,
  nested,
  (random) => Buffer.from(random.pick(ODD_TEXTS)),
  (random) => Buffer.from(`{"valor":${random.pick(ODD_NUMBERS)},"tipo":"c","descricao":"n"}`),
];

/** As JSON texts: what JSON.stringify would not write. */
export const ODD_NUMBERS = [
  "0",
  "-0",
  "-1",
  "1.0",
  "1e2",
  "1e400",
  "-1e400",
  "1e-400",
  "1.2",
  "0.1e1",
  "01",
  "+1",
  ".5",
  "1.",
  "0x10",
  "1_000",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "9007199254740990.9",
  "0.99999999999999999999",
  "99999999999999999999e-20",
  "9007199254740990.0",
  "18446744073709551616",
  "1e15",
  "1e16",
  "NaN",
  "Infinity",
  "-Infinity",
  "1n",
  `1${"0".repeat(400)}`,
  `0.${"0".repeat(400)}1`,
] as const;

const ODD_TEXTS = [
  "",
  " ",
  "\0",
  "{",
  "}",
  "[",
  "null",
  "true",
  "0",
  '""',
  "{}",
  "[]",
  "[{}]",
  "undefined",
  "{'valor':1}",
  "\ufeff{}",
  '{"valor":1,"tipo":"c","descricao":"x"}}',
  '{"valor":1,"tipo":"c","descricao":"x"} ',
  "{}{}",
  "//",
  "{,}",
  '{"a":}',
  '{"__proto__":{"valor":1,"tipo":"c","descricao":"x"}}',
  '{"__proto__":null}',
  '{"constructor":{"prototype":{}}}',
  '\ufeff{"valor":1,"tipo":"c","descricao":"bom"}',
  "valor=1&tipo=c&descricao=x",
  "<valor>1</valor>",
] as const;

export const ODD_VALUES: readonly unknown[] = [
  0,
  -1,
  1.2,
  1e300,
  -MAX,
  MAX,
  MAX + 1,
  "10",
  "",
  "c",
  "d",
  "C",
  "credit",
  "\0",
  "a\0b",
  "\ud800",
  "\udc00x",
  "a".repeat(10),
  "a".repeat(11),
  "😀".repeat(10),
  "😀".repeat(11),
  "e\u0301".repeat(6),
  "\u202eabc",
  " ",
  "\n",
  "|",
  "'; DROP TABLE entries; --",
  "${1}",
  "%00",
  null,
  true,
  false,
  [],
  {},
  [1],
  ["c"],
  { valor: 1 },
  "x".repeat(3_000),
];

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.integer(0, 200) }, () => random.integer(0, 255)));
}

/** Valid JSON with some bytes changed, lost, doubled or put in. */
function mutated(random: Random): Buffer {
  const bytes = [...Buffer.from(validTransaction(random))];
  for (let times = random.integer(1, 4); times > 0; times -= 1) {
    const at = random.integer(0, bytes.length - 1);
    const byte = random.pick([random.integer(0, 255), ...Buffer.from('{}[]",:\\0-.eu')]);
    switch (random.integer(0, 3)) {
      case 0:
        bytes[at] = byte;
        break;
      case 1:
        bytes.splice(at, random.integer(1, 3));
        break;
      case 2:
        bytes.splice(at, 0, byte);
        break;
      default:
        bytes.splice(at, 0, ...bytes.slice(at, at + random.integer(1, 10)));
    }
    if (bytes.length === 0) break;
  }
  return Buffer.from(bytes);
}

/** The contract's members, some with other values, some missing, some more. */
function oddFields(random: Random): Buffer {
  const valid: unknown = JSON.parse(validTransaction(random));
  const members = new Map<string, unknown>(Object.entries(Object(valid)));
  for (const name of [
    "valor",
    "tipo",
    "descricao",
    random.pick(["x", "id", "saldo", "__proto__", "toString"]),
  ]) {
    if (random.chance(35)) members.set(name, random.pick(ODD_VALUES));
    else if (random.chance(5)) members.delete(name);
  }
  return Buffer.from(JSON.stringify(Object.fromEntries(members)));
}

function oddJson(random: Random, depth: number): unknown {
  if (depth === 0 || random.chance(40)) return random.pick(ODD_VALUES);
  const items = Array.from({ length: random.integer(0, 3) }, () => oddJson(random, depth - 1));
  if (random.chance(50)) return items;
  return Object.fromEntries(
    items.map((item) => [random.pick(["valor", "tipo", "descricao", "", "\0"]), item]),
  );
}

/** A lone surrogate as an escape and as the three bytes that UTF-8 forbids, a cut sequence, an overlong one. */
function invalidUtf8(random: Random): Buffer {
  const text = random.pick([
    Buffer.from("\\ud800"),
    Buffer.from("\\udfff\\ud800"),
    Buffer.from("\\u0000"),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xc0, 0x80]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80]),
    Buffer.from([0xe2, 0x82]),
    Buffer.from([0xff]),
    Buffer.from([0x00]),
    Buffer.from([0x80]),
  ]);
  return Buffer.concat([Buffer.from('{"valor":1,"tipo":"d","descricao":"a'), text, Buffer.from('"}')]);
}

/** The last one counts. */
function duplicateKeys(random: Random): Buffer {
  const members = Array.from({ length: random.integer(4, 9) }, () =>
    random.pick([
      '"valor":1',
      '"valor":0',
      '"valor":"1"',
      '"tipo":"c"',
      '"tipo":"x"',
      '"descricao":"a"',
      '"descricao":""',
      '"\\u0076alor":2',
      '"Valor":3',
    ]),
  );
  return Buffer.from(`{${members.join(",")}}`);
}

function nested(random: Random): Buffer {
  const depth = random.integer(1, 2_000);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"valor":', "}"],
    ['[{"tipo":', "}]"],
  ] as const);
  const text = `${open.repeat(depth)}1${random.chance(50) ? close.repeat(depth) : ""}`;
  return Buffer.from(text.slice(0, 4_000));
}

/**
 * What the console says of a part that is not simply up, in the two languages of its page. English is what it is kept and
 * told in; the page asks for its own language by `Accept-Language`. What a part or the system says itself stays as it is.
 */
export const DETAILS = {
  isRestarted: ["It ended, and is started again.", "Terminou, e é iniciado de novo."],
  diverged: [
    "The books and the outbox differ: a writer has stopped.",
    "Os livros e a fila de saída divergem: um writer parou.",
  ],
  waitsForRedis: [
    "It does not answer in time. Redis does not answer either: it may be waiting for Redis.",
    "Não responde a tempo. O Redis também não responde: talvez espere por ele.",
  ],
  lost: ["Batches that were answered are lost.", "Lotes que foram respondidos se perderam."],
  fenceShut: [
    "Its fence is shut: it decides nothing until it trusts Redis again.",
    "A barreira está fechada: nada é decidido até que o Redis seja confiável de novo.",
  ],
  notReady: ["It is not ready: GET /readyz says why.", "Não está pronto: GET /readyz diz por quê."],
  standsBy: ["It stands by.", "Está de prontidão."],
} as const;

const ALL = new Map<string, string>(
  Object.values(DETAILS).map(([english, portuguese]) => [english, portuguese]),
);
const UNDECIDED = [
  "It decides for all shards but these (GET /readyz says why): ",
  "Decide por todos os shards menos estes (GET /readyz diz por quê): ",
] as const;
const BEGINNINGS = [
  UNDECIDED,
  ["It does not answer (", "Não responde ("],
  ["It answers", "Responde"],
] as const;

const SHARDS_NAMED_MAX = 20;

/** Of an API that decides for some shards only: the numbers of the others. */
export function undecidedDetail(shards: readonly string[]): string {
  const named = shards.slice(0, SHARDS_NAMED_MAX).join(", ");
  return `${UNDECIDED[0]}${named}${shards.length > SHARDS_NAMED_MAX ? ", \u2026" : "."}`;
}

/** The detail in Portuguese, as far as the console said it. */
export function inPortuguese(detail: string): string {
  const whole = ALL.get(detail);
  if (whole !== undefined) return whole;
  const found = BEGINNINGS.find(([english]) => detail.startsWith(english));
  return found === undefined ? detail : found[1] + detail.slice(found[0].length);
}

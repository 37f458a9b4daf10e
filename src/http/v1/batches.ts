import { z } from "zod";
import { bounds } from "../../bounds.ts";
import { type Command, type CommandContent, type CommandId, isClientKey } from "../../ledger/command.ts";
import { type AllOrNone, type Ledger, LedgerUnavailable } from "../../ledger/ledger.ts";
import type { Refused } from "../../ledger/refused.ts";
import { readJson } from "../body.ts";
import { isKey, type Parsed, parseCommandId } from "../parse.ts";
import { type FieldError, invalidFields, type Problem, toResponse, unavailable } from "../problems.ts";
import { problemOf } from "../refusal-problems.ts";
import { newRequestId } from "../request-id.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { openAccount } from "./accounts.ts";
import { type Answer, answerOf, isDryRun, okJson, problemAnswer, responseOf } from "./answers.ts";
import { id, list, members, readFields } from "./fields.ts";
import { captureHold, createHold, releaseHold } from "./holds.ts";
import { parseNoQuery } from "./query.ts";
import { type Operation, submit, withId } from "./submit.ts";
import { createTransaction, reverseTransaction } from "./transactions.ts";

const NO_ID = "must be left out: this creates something";

const key = z.custom<string>(
  (value) => typeof value === "string" && isKey(value),
  `must be a key of 1 to ${bounds.idempotency_key_characters_max} visible ASCII characters`,
);

/** A command of a batch, before it has its id. */
interface Item {
  readonly key: string | null;
  readonly content: CommandContent;
  /** See `Operation`. */
  readonly check: ((ledger: Ledger) => Promise<readonly FieldError[]>) | null;
}

function creating<Op extends string, Body>(op: Op, operation: Operation<Body>) {
  return members({
    op: z.literal(op),
    key: key.nullish(),
    id: z.null(NO_ID).optional(),
    body: operation.schema,
  }).transform((command) => itemOf(operation, command.key, command.body, ""));
}

function acting<Op extends string, Body>(op: Op, operation: Operation<Body>) {
  return members({
    op: z.literal(op),
    key: key.nullish(),
    id,
    body: z
      .unknown()
      .optional()
      .transform((body): unknown => body ?? {})
      .pipe(operation.schema),
  }).transform((command) => itemOf(operation, command.key, command.body, command.id));
}

function itemOf<Body>(
  { commandOf, check }: Operation<Body>,
  itemKey: string | null | undefined,
  body: Body,
  of: string,
): Item {
  return {
    key: itemKey ?? null,
    content: commandOf(body, of),
    check: check === undefined ? null : (ledger) => check(ledger, body, of),
  };
}

const item = z.discriminatedUnion(
  "op",
  [
    creating("transaction", createTransaction),
    creating("hold", createHold),
    acting("capture", captureHold),
    acting("release", releaseHold),
    acting("reversal", reverseTransaction),
    creating("account", openAccount),
  ],
  {
    error: ({ code }) =>
      code === "invalid_union"
        ? 'must be "transaction", "hold", "capture", "release", "reversal" or "account"'
        : "must be a JSON object",
  },
);

const batch = members({
  atomic: z.boolean("must be true or false"),
  commands: list(item, bounds.batch_request_commands_max),
});

export async function postBatch(context: RouteContext, request: RoutedRequest): Promise<Response> {
  const { ledger } = context;
  const isAborted = context.ended.watch(request);
  const body = await readBatch(ledger, request);
  if (!body.ok) return toResponse(body.problem);
  const parsed = parseCommandId(request, context.requestIdHeader);
  if (!parsed.ok) return toResponse(parsed.problem);
  const { atomic, commands: items } = body.value;
  if (atomic && (await hasTooManyPostings(ledger, items)))
    return toResponse(wrongCommands([TOO_MANY_POSTINGS]));
  const commands = items.map((one, index) => withId(one.content, idOf(one, index, parsed.value)));
  if (!atomic) return resultsResponse(await eachAnswer(ledger, commands, isAborted));
  const outcome = await ledger.submitAll(commands, isAborted);
  if (outcome.type === "refused") return responseOf(refusalOfAll(commands, outcome));
  return resultsResponse(
    commands.map((command, index) => {
      const one = outcome.outcomes[index];
      if (one === undefined) throw new Error("a command of a batch has no outcome");
      return answerOf(command, one);
    }),
  );
}

async function readBatch(ledger: Ledger, request: RoutedRequest): Promise<Parsed<z.infer<typeof batch>>> {
  const json = await readJson(request, bounds.batch_body_bytes_max);
  if (!json.ok) return json;
  const query = parseNoQuery(request);
  if (!query.ok) return query;
  const body = readFields(batch, json.value);
  if (!body.ok) return { ok: false, problem: wrongCommands(body.errors) };
  const errors = await checkItems(ledger, body.value.commands);
  return errors.length === 0
    ? { ok: true, value: body.value }
    : { ok: false, problem: wrongCommands(errors) };
}

const TOO_MANY_POSTINGS: FieldError = {
  pointer: "#/commands",
  detail: `commands must have at most ${bounds.atomic_postings_max} postings in all where they are atomic`,
};

/** All else waits while an atomic batch is decided, so that it may not be of any size. */
async function hasTooManyPostings(ledger: Ledger, items: readonly Item[]): Promise<boolean> {
  let count = 0;
  const reversed: string[] = [];
  for (const { content } of items) {
    if (content.type === "transaction") count += content.postings.length;
    else if (content.type === "capture") count += content.parts?.length ?? 1;
    else if (content.type === "reversal") reversed.push(content.transaction);
  }
  // How many a transaction has that is taken back is looked up only where it matters.
  if (count + reversed.length * bounds.transaction_postings_max <= bounds.atomic_postings_max) return false;
  const kept = await Promise.all(reversed.map((of) => ledger.transaction(of)));
  for (const one of kept) count += one?.transaction.postings.length ?? 0;
  return count > bounds.atomic_postings_max;
}

async function checkItems(ledger: Ledger, items: readonly Item[]): Promise<FieldError[]> {
  const checks = items.flatMap(({ check }, index) => {
    if (check === null) return [];
    const place = `commands/${index}/body`;
    return check(ledger).then((errors) =>
      errors.map(({ pointer = "#", detail }) => ({
        pointer: pointer.replace("#", `#/${place}`),
        detail: `${place}/${detail}`,
      })),
    );
  });
  return (await Promise.all(checks)).flat();
}

/** One command whose form is wrong, and the whole request is refused: `index` is the first of them. */
function wrongCommands(errors: readonly FieldError[]): Problem {
  const problem = invalidFields(errors);
  const indexes = errors.flatMap(({ pointer }) => /^#\/commands\/(\d+)/.exec(pointer ?? "")?.[1] ?? []);
  if (indexes.length === 0) return problem;
  return { ...problem, members: { ...problem.members, index: Math.min(...indexes.map(Number)) } };
}

/** @param request the id of the whole request, of which each command's own is made, so that it is the same next time */
function idOf({ key: own, content }: Item, index: number, request: CommandId): CommandId {
  if (isDryRun(content)) return newRequestId();
  if (own !== null) return `key:${own}`;
  return request.startsWith("key:")
    ? `bat:${index}:${request.slice("key:".length)}`
    : `req:${request.slice("req:".length)}/${index}`;
}

/** Each command by itself. Where the ledger can do nothing at all, the whole request is answered so. */
async function eachAnswer(
  ledger: Ledger,
  commands: readonly Command[],
  isAborted: () => boolean,
): Promise<readonly Answer[]> {
  const outcomes = await Promise.allSettled(commands.map((command) => submit(ledger, command, isAborted)));
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [unavailableOr(outcome.reason)] : [],
  );
  const [first] = failures;
  if (first !== undefined && failures.length === outcomes.length) {
    throw failures.find(({ outcome }) => outcome === "unknown") ?? first;
  }
  return commands.map((command, index) => {
    const settled = outcomes[index];
    if (settled?.status === "fulfilled") return answerOf(command, settled.value);
    const asked = isClientKey(command.id) ? "with-key" : "without-key";
    return problemAnswer(unavailable(asked, unavailableOr(settled?.reason)));
  });
}

/** @throws the reason, if it is a defect */
function unavailableOr(reason: unknown): LedgerUnavailable {
  if (reason instanceof LedgerUnavailable) return reason;
  throw reason;
}

/** `index` is the command's, and `posting` or `condition` what was refused in it. */
function refusalOfAll(
  commands: readonly Command[],
  { index, refused, replayed }: Extract<AllOrNone, { readonly type: "refused" }>,
): Answer {
  const problem = problemOf(refused);
  const place = refused.index === null ? {} : { [placeName(commands[index], refused)]: refused.index };
  return problemAnswer({ ...problem, members: { ...problem.members, index, ...place } }, replayed);
}

/** An unknown account may be named by either; its postings come first. */
function placeName(
  command: Command | undefined,
  { refusal, account, index }: Refused,
): "posting" | "condition" {
  if (refusal === "condition-failed") return "condition";
  if (refusal !== "account-unknown" || command?.type !== "transaction") return "posting";
  const posting = command.postings[index ?? 0];
  return posting?.from === account || posting?.to === account ? "posting" : "condition";
}

function resultsResponse(answers: readonly Answer[]): Response {
  const results = answers.map(
    ({ status, body, replayed }) =>
      `{"status":${status},"body":${body}${replayed ? ',"replayed":true' : ""}}`,
  );
  const response = okJson(`{"results":[${results.join(",")}]}`);
  if (answers.every(({ replayed }) => replayed)) response.headers.set("idempotency-replayed", "true");
  return response;
}

import { z } from "zod";
import type { AccessKey } from "../../access/access-key.ts";
import { ANYBODY } from "../../access/access-keys.ts";
import { denialOf } from "../../access/denial.ts";
import { bounds } from "../../bounds.ts";
import {
  type Command,
  type CommandContent,
  type CommandId,
  contentOf,
  isClientKey,
} from "../../ledger/command.ts";
import { textHash } from "../../ledger/content-hash.ts";
import type { AllOrNone, Ledger, LedgerUnavailable, Outcome } from "../../ledger/ledger.ts";
import type { Refused } from "../../ledger/refused.ts";
import { denialProblem } from "../access-problems.ts";
import { readJson } from "../body.ts";
import { isKey, KEY, type Parsed, parseCommandId } from "../parse.ts";
import { type FieldError, invalidFields, type Problem, toResponse, unavailable } from "../problems.ts";
import { problemOf } from "../refusal-problems.ts";
import { newRequestId } from "../request-id.ts";
import type { RouteContext, RoutedRequest } from "../route.ts";
import { openAccount } from "./accounts.ts";
import { type Answer, answerOf, isDryRun, okJson, problemAnswer, responseOf } from "./answers.ts";
import { documentAs } from "./documented.ts";
import { flag, id, longList, members, readFields, textField } from "./fields.ts";
import { captureHold, createHold, releaseHold } from "./holds.ts";
import { parseNoQuery } from "./query.ts";
import { cameWith, lookedUp, type Operation, unavailableFor } from "./submit.ts";
import { createTransaction, reverseTransaction } from "./transactions.ts";

const NO_ID = "must be left out: this creates something";

const key = textField(
  isKey,
  `must be a key of 1 to ${bounds.idempotency_key_characters_max} visible ASCII characters`,
  KEY,
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
    body: documentAs(
      z
        .unknown()
        .optional()
        .transform((body): unknown => body ?? {})
        .pipe(operation.schema),
      operation.schema.nullish(),
    ),
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

export const batch = members({
  atomic: flag,
  commands: longList(item, bounds.batch_request_commands_max),
});

export async function postBatch(
  context: RouteContext,
  request: RoutedRequest,
  accessKey: AccessKey,
): Promise<Response> {
  const { ledger, counters } = context;
  const isAborted = context.ended.watch(request);
  const body = await readBatch(context, request, accessKey);
  if (!body.ok) return toResponse(body.problem);
  const parsed = parseCommandId(request, context.requestIdHeader);
  if (!parsed.ok) return toResponse(parsed.problem);
  const { atomic, commands: items } = body.value;
  const commands = commandsOf(items, atomic, parsed.value).map((command) => cameWith(accessKey, command));
  const count = (command: Command, one: Outcome): void => {
    if (!isDryRun(command)) counters.decided(command.type, one);
  };
  if (!atomic) return eachResponse(ledger, commands, isAborted, count);
  const outcome = await ledger.submitAll(commands, isAborted);
  if (outcome.type === "refused") {
    const { index, refused, replayed } = outcome;
    const first = commands[index];
    if (first !== undefined) count(first, { type: "refused", ...refused, replayed });
    return responseOf(refusalOfAll(commands, outcome));
  }
  return resultsResponse(
    commands.map((command, index) => {
      const one = outcome.outcomes[index];
      if (one === undefined) throw new Error("a command of a batch has no outcome");
      count(command, one);
      return answerOf(command, one);
    }),
  );
}

async function readBatch(
  context: RouteContext,
  request: RoutedRequest,
  accessKey: AccessKey,
): Promise<Parsed<z.infer<typeof batch>>> {
  const json = await readJson(request, bounds.batch_body_bytes_max);
  if (!json.ok) return json;
  const query = parseNoQuery(request);
  if (!query.ok) return query;
  const body = readFields(batch, json.value);
  if (!body.ok) return { ok: false, problem: wrongCommands(body.errors) };
  const { commands } = body.value;
  const isCertain = commands.every(({ content }) => isDryRun(content));
  const denied =
    accessKey === ANYBODY
      ? null
      : await lookedUp(context, isCertain, denialIn(accessKey, context.ledger, commands));
  if (denied !== null) return { ok: false, problem: denied };
  const errors = await lookedUp(context, isCertain, checkItems(context.ledger, commands));
  return errors.length === 0
    ? { ok: true, value: body.value }
    : { ok: false, problem: wrongCommands(errors) };
}

/** Nothing is done where one of them is not for the access key: `index` is the first. */
async function denialIn(
  accessKey: AccessKey,
  ledger: Ledger,
  items: readonly Item[],
): Promise<Problem | null> {
  const denials = await Promise.all(items.map(({ content }) => denialOf(accessKey, ledger, content)));
  const index = denials.findIndex((denial) => denial !== null);
  const denial = denials[index] ?? null;
  if (denial === null) return null;
  const problem = denialProblem(denial);
  const place = denial.type === "not-there" ? placeIn(items[index]?.content, denial.refused) : {};
  return { ...problem, members: { ...problem.members, index, ...place } };
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

/**
 * Each command with its id. The key of a batch stands for all that the batch asks for, and its first command that has no
 * key of its own bears it: so it cannot stand for another request as well.
 */
function commandsOf(items: readonly Item[], atomic: boolean, request: CommandId): Command[] {
  const withOwn = items.map(({ key: own, content }): CommandId | null =>
    isDryRun(content) ? newRequestId() : own === null ? null : `key:${own}`,
  );
  if (!request.startsWith("key:"))
    return items.map(({ content }, index) => ({ ...content, id: withOwn[index] ?? partOf(request, index) }));
  const all = items.map(({ key: own, content }) => [own, contentOf(content)]);
  const batchHash = textHash(JSON.stringify([atomic, all]));
  const first = withOwn.indexOf(null);
  return items.map(({ content }, index) => {
    const own = withOwn[index] ?? null;
    if (own !== null) return { ...content, id: own };
    const place = `bat:${index}:${request.slice("key:".length)}` as const;
    return { ...content, id: index === first ? request : place, batch: batchHash };
  });
}

/** The same next time, where a balancer sends the request again. */
function partOf(request: CommandId, index: number): CommandId {
  return `req:${request.slice("req:".length)}/${index}`;
}

type Settled = PromiseSettledResult<Outcome>;

/** Each command by itself. Where nothing at all is done, the whole request is answered so. */
async function eachResponse(
  ledger: Ledger,
  commands: readonly Command[],
  isAborted: () => boolean,
  count: (command: Command, outcome: Outcome) => void,
): Promise<Response> {
  const bearer = commands.findIndex((command) => command.batch !== undefined);
  const settled =
    bearer === -1
      ? await ledger.submitEach(commands, isAborted)
      : await eachUnderKey(ledger, commands, bearer, isAborted);
  const failures: LedgerUnavailable[] = [];
  const answers = commands.map((command, index): Answer => {
    const one = settled[index];
    if (one?.status === "fulfilled") {
      count(command, one.value);
      return answerOf(command, one.value);
    }
    const failure = unavailableFor(command, one?.reason);
    failures.push(failure);
    return problemAnswer(unavailable(isClientKey(command.id) ? "with-key" : "without-key", failure));
  });
  const [failure] = failures;
  if (failure !== undefined && failures.length === answers.length) {
    throw failures.find(({ outcome }) => outcome === "unknown") ?? failure;
  }
  const borne = answers[bearer];
  const isNothingDone = isReused(settled[bearer]) && commands.slice(0, bearer).every(isDryRun);
  return borne !== undefined && isNothingDone ? responseOf(borne) : resultsResponse(answers);
}

/** What comes after the command that bears the batch's key is done only where the key is the batch's. */
async function eachUnderKey(
  ledger: Ledger,
  commands: readonly Command[],
  bearer: number,
  isAborted: () => boolean,
): Promise<readonly Settled[]> {
  const first = await ledger.submitEach(commands.slice(0, bearer + 1), isAborted);
  const borne = first[bearer];
  if (borne === undefined) throw new Error("a command of a batch has no outcome");
  const rest = commands.slice(bearer + 1);
  const isOwn = borne.status === "fulfilled" && !isReused(borne);
  return [...first, ...(isOwn ? await ledger.submitEach(rest, isAborted) : rest.map(() => borne))];
}

function isReused(one: Settled | undefined): boolean {
  return one?.status === "fulfilled" && one.value.type === "refused" && one.value.refusal === "key-reused";
}

/** `index` is the command's, and `posting` or `condition` what was refused in it. */
function refusalOfAll(
  commands: readonly Command[],
  { index, refused, replayed }: Extract<AllOrNone, { readonly type: "refused" }>,
): Answer {
  const problem = problemOf(refused);
  const place = placeIn(commands[index], refused);
  return problemAnswer({ ...problem, members: { ...problem.members, index, ...place } }, replayed);
}

function placeIn(command: CommandContent | undefined, refused: Refused): Readonly<Record<string, number>> {
  return refused.index === null ? {} : { [placeName(command, refused)]: refused.index };
}

/** An unknown account may be named by either; its postings come first. */
function placeName(
  command: CommandContent | undefined,
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

import type { Fault, Harm } from "../plan/fault.ts";
import type { Answer, Attempt, Operation } from "../clients/history.ts";

/** Faults and attempts in words, for people. */

/** What is done to what, as the middle of a sentence. */
export function wordsOfHarm(harm: Harm): string {
  switch (harm.type) {
    case "kill": {
      const again =
        harm.againAfterMilliseconds === null ? "" : `, and again after ${harm.againAfterMilliseconds} ms`;
      return `kill ${harm.processes.join(", ")}${again}`;
    }
    case "stop":
      return `freeze ${harm.processes.join(", ")}`;
    case "cut":
      return `cut ${harm.link} every ${harm.everyMilliseconds} ms`;
    case "lose-replies":
      return `lose replies of ${harm.link} every ${harm.everyBytes} bytes`;
    case "hold":
      return `hold ${harm.link}`;
    case "clock":
      return `set Redis's clock ${Math.abs(harm.seconds)} s ${harm.seconds < 0 ? "back" : "ahead"}`;
    case "disk-full":
      return `fill the disk of ${harm.process}`;
    case "nats-truncated":
      return "truncate NATS's stream";
    case "nats-emptied":
      return "empty NATS's folder";
    case "redis-power-loss":
      return `kill Redis, and leave of its log what was synced, and ${harm.tornBytes} bytes of a torn write`;
    case "redis-cut":
      return `cut ${harm.bytes} bytes off Redis's log`;
    case "redis-zeroed":
      return `zero the last ${harm.bytes} bytes of Redis's log`;
    case "redis-emptied":
      return "empty Redis's folder";
  }
}

export function wordsOfFault({ number, harm, lastsMilliseconds }: Fault): string {
  return `#${number} ${wordsOfHarm(harm)}, for ${(lastsMilliseconds / 1000).toFixed(1)} s`;
}

/** @param origin the beginning of the run, by performance.now() */
export function wordsOfAttempt(
  { number, operation, key, sentAt, endedAt, answer }: Attempt,
  origin: number,
): string {
  const from = ((sentAt - origin) / 1000).toFixed(3);
  const to = ((endedAt - origin) / 1000).toFixed(3);
  const keyed = key === null ? "without a key" : `with the key ${key}`;
  return `attempt ${number}, ${from} s to ${to} s: ${wordsOfOperation(operation)}, ${keyed}: ${wordsOfAnswer(answer)}`;
}

function wordsOfOperation(operation: Operation): string {
  switch (operation.type) {
    case "transact": {
      const { kind, value, account, description } = operation;
      return `${kind} of ${value} on account ${account} ("${description}")`;
    }
    case "open":
      return `opening of an account with the limit ${operation.creditLimit} ("${operation.name}")`;
    case "change-limit":
      return `limit ${operation.creditLimit} for account ${operation.account}`;
    case "statement":
      return `statement of account ${operation.account}`;
  }
}

function wordsOfAnswer(answer: Answer): string {
  switch (answer.type) {
    case "accepted": {
      const { account, balance, creditLimit, replayed } = answer;
      const again = replayed ? ", replayed" : "";
      return `accepted, account ${account} has balance ${balance} and limit ${creditLimit}${again}`;
    }
    case "refused":
      return `refused, ${answer.problem}${answer.replayed ? ", replayed" : ""}`;
    case "statement": {
      const { balance, creditLimit, entries, readAt } = answer.statement;
      const marks = entries.map(({ description }) => description).join(" ");
      return `balance ${balance}, limit ${creditLimit}, at ${readAt}, entries ${marks || "none"}`;
    }
    case "not-done":
      return "503, nothing was done";
    case "unknown":
      return `unknown (${answer.reason})`;
    case "odd":
      return `odd: ${answer.reason}`;
  }
}

import { bounds } from "../bounds.ts";

/**
 * Waits for an answer of PostgreSQL, but not longer than a time-out. PostgreSQL's own time-outs do not help if it is
 * frozen or its network connection is dead.
 *
 * @param onLate called at the time-out. It has to give up the connection, since the query may still be in flight on it
 */
export async function withTimeout<T>(
  answer: PromiseLike<T>,
  onLate: () => void,
  milliseconds: number = bounds.books_answer_milliseconds_max,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`PostgreSQL gave no answer within ${milliseconds} ms`));
      onLate();
    }, milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

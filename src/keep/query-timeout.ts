import { bounds } from "../bounds.ts";

/**
 * The answer, or an error where there is none in time. A PostgreSQL that is frozen, or behind a dead wire, answers
 * nothing at all, and its own time-outs do not help then.
 *
 * @param onLate gives up the connection: the question may still be on its way
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

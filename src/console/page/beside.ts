/** Work that goes on beside what its caller does. What should not happen in it is told in the browser's console. */
export function beside(work: Promise<unknown>): void {
  work.catch((error: unknown) => reportError(error));
}

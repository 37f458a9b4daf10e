import type { ConsoleStatus } from "./console-status.ts";

/** Where the console's server has the status from: in the same process, or of the parts of a cluster. */
export interface StatusSource {
  status(): Promise<ConsoleStatus>;
  close(): Promise<void>;
}

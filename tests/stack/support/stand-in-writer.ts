import { existsSync } from "node:fs";

/** In place of `razonete writer`: only lives; or dies at once, while there is a file that says so. */
const dies = process.env["STAND_IN_WRITER_DIES"];
if (dies !== undefined && existsSync(dies)) {
  console.error("no luck today");
  process.exit(3);
}
process.on("SIGTERM", () => {
  if (process.env["STAND_IN_STUBBORN"] === undefined) process.exit(0);
});
setInterval(() => {}, 60_000);

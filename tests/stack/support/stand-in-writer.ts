import { existsSync, readFileSync } from "node:fs";

/** In place of `razonete writer`: only lives; or dies at once, while there is a file that says so. */
const dies = process.env["STAND_IN_WRITER_DIES"];
if (dies !== undefined && existsSync(dies)) {
  const code = Number(readFileSync(dies, "utf8"));
  console.error(`no luck today: ${code}`);
  process.exit(code);
}
process.on("SIGTERM", () => {
  if (process.env["STAND_IN_STUBBORN"] === undefined) process.exit(0);
});
setInterval(() => {}, 60_000);

/** In place of `razonete writer`: only lives. */
process.on("SIGTERM", () => process.exit(0));
setInterval(() => {}, 60_000);

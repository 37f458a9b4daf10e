/** Preloaded into a server: at its end it says what it has loaded of OpenTelemetry. */
process.on("exit", () => {
  const loaded = Object.keys(require.cache).filter((file) => file.includes("/@opentelemetry/"));
  for (const name of new Set(loaded.map((file) => /@opentelemetry\/[^/]+/.exec(file)?.[0])))
    console.error(`loaded ${name}`);
});

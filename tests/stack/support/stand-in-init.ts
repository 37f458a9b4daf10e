import postgres from "postgres";

/** In place of `razonete init`: counts in the books how often the stack was started, or refuses if told to. */
const refusal = process.env["STAND_IN_REFUSAL"];
if (refusal !== undefined) {
  console.error(`razonete: ${refusal}`);
  process.exit(1);
}
const sql = postgres(process.env["DATABASE_URL"] ?? "", { max: 1, onnotice: () => {} });
await sql`CREATE TABLE IF NOT EXISTS starts (started_at timestamptz DEFAULT now())`;
await sql`INSERT INTO starts DEFAULT VALUES`;
await sql.end();

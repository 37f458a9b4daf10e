import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { Queryable, Sql } from "./postgres-client.ts";
import grants from "./roles.sql" with { type: "text" };

/** The roles in PostgreSQL by which the processes of a cluster use the books; see roles.sql. */
export const BOOKS_ROLES = {
  api: "razonete_api",
  writer: "razonete_writer",
  dispatch: "razonete_dispatch",
  console: "razonete_console",
} as const;

export type BooksRole = keyof typeof BOOKS_ROLES;

/** `null`, or none: whoever set up the server makes the role, or there is none. */
export type RolePasswords = Readonly<Partial<Record<BooksRole, string | null>>>;

const SCRAM_ITERATIONS = 4096;

/**
 * Makes the roles that a password is given for, or gives them this one, and grants all roles that there are what they
 * need. Without any role there is nothing to grant, and the owner's URL is everyone's.
 */
export async function setUpRoles(sql: Sql, passwords: RolePasswords): Promise<void> {
  await sql.begin(async (transaction) => {
    for (const [name, role] of Object.entries(BOOKS_ROLES)) {
      const password = new Map(Object.entries(passwords)).get(name) ?? null;
      if (password !== null) await makeRole(transaction, role, password);
    }
    await transaction.unsafe(grants);
  });
}

async function makeRole(sql: Queryable, role: string, password: string): Promise<void> {
  const [found] = await sql`SELECT FROM pg_roles WHERE rolname = ${role}`;
  const what = found === undefined ? "CREATE" : "ALTER";
  await sql.unsafe(`${what} ROLE ${role} LOGIN PASSWORD '${scramVerifier(password)}'`);
}

/** What PostgreSQL keeps of a password. It is sent in place of the password, which a log of statements would show. */
export function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, "sha256");
  const keyOf = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const stored = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const server = keyOf("Server Key").toString("base64");
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString("base64")}$${stored}:${server}`;
}

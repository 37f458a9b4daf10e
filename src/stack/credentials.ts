import { createHash, createHmac } from "node:crypto";

/**
 * Who uses the servers of a stack, each with rights and a password of its own. `admin` is init, restore and audit; the
 * operator, whose password the data folder has, may do everything.
 */
export const STACK_USERS = ["admin", "api", "writer"] as const;

export type StackUser = (typeof STACK_USERS)[number];

/** Who uses PostgreSQL alone. */
export const BOOKS_USERS = ["dispatch", "console"] as const;

/** Who looks after Redis and PostgreSQL, and sees nothing of the ledger in them; and a replica of Redis at its primary. */
type Other = "observer" | "replica";

/** NATS's servers among each other, where there are several. */
type Routes = "routes";

export type BooksUser = (typeof BOOKS_USERS)[number];

export type Credentials = Readonly<Record<StackUser | BooksUser | Other | Routes | "operator", string>>;

/**
 * The passwords of all of them, made of the operator's: so one file has them all, and a folder of an earlier version has
 * them, too. Nobody finds one of them from another, nor the operator's.
 */
export function credentialsOf(operator: string): Credentials {
  const passwordOf = (user: StackUser | BooksUser | Other | Routes): string =>
    createHmac("sha256", operator).update(`razonete ${user}`).digest("base64url").slice(0, 24);
  return {
    operator,
    admin: passwordOf("admin"),
    api: passwordOf("api"),
    writer: passwordOf("writer"),
    dispatch: passwordOf("dispatch"),
    console: passwordOf("console"),
    observer: passwordOf("observer"),
    replica: passwordOf("replica"),
    routes: passwordOf("routes"),
  };
}

/**
 * The users of Redis as lines of its configuration.
 *
 * @param users the text of deploy/redis-users.acl, or of redis-replica.acl
 */
export function redisUsers(users: string, credentials: Omit<Credentials, BooksUser | Routes>): string {
  const passwordOf: Readonly<Record<string, string>> = {
    REDIS_PASSWORD: credentials.operator,
    REDIS_ADMIN_PASSWORD: credentials.admin,
    REDIS_API_PASSWORD: credentials.api,
    REDIS_WRITER_PASSWORD: credentials.writer,
    REDIS_OBSERVER_PASSWORD: credentials.observer,
    REDIS_REPLICA_PASSWORD: credentials.replica,
  };
  return users.replaceAll(/^(user \S+ on #)(\w+)/gm, (_, begin: string, name: string) => {
    const password = passwordOf[name];
    if (password === undefined) throw new Error(`redis-users.acl names ${name}`);
    return begin + createHash("sha256").update(password).digest("hex");
  });
}

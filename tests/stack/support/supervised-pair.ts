import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { openDataFolder } from "../../../src/stack/data-folder.ts";
import { BOOKS, choosePostgresUser, processesIn } from "../../../src/stack/postgres.ts";
import { freePorts } from "../../support/servers/free-ports.ts";
import { planPostgres } from "../../../src/stack/servers/plan-postgres.ts";
import { applicationOf, type PairPlan, type PostgresNode } from "../../../src/stack/standby/pair-plan.ts";
import { PostgresPair } from "../../../src/stack/standby/postgres-pair.ts";
import { preparePair } from "../../../src/stack/standby/node-folders.ts";
import { SupervisedProcess } from "../../../src/stack/supervised-process.ts";
import { eventually } from "../../support/eventually.ts";
import { pathOf } from "../../support/servers/binaries.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** The two PostgreSQL of a stack with their supervisor, and nothing else of it. */
export class SupervisedPair {
  readonly plan: PairPlan;
  /** The owner's, of both. */
  readonly url: string;
  /** What the supervisor has said. */
  readonly lines: string[] = [];
  readonly #folder: Awaited<ReturnType<typeof openDataFolder>>;
  readonly #planned: ReturnType<typeof planPostgres>;
  readonly #temporary: Disposable;
  #pair: PostgresPair | null = null;
  #processes: readonly SupervisedProcess[] = [];

  private constructor(
    temporary: Disposable,
    folder: Awaited<ReturnType<typeof openDataFolder>>,
    [first = 0, second = 0]: readonly number[],
  ) {
    this.#temporary = temporary;
    this.#folder = folder;
    const programs = {
      haproxy: pathOf("haproxy"),
      redis: pathOf("redis"),
      nats: pathOf("nats"),
      postgres: pathOf("postgres"),
      initdb: pathOf("initdb"),
    };
    const environment = { PATH: process.env["PATH"] ?? "" };
    this.#planned = planPostgres(
      {
        folder,
        programs,
        environment,
        postgresUser: choosePostgresUser(),
        replicas: 1,
        redisMegabytes: null,
        nodePorts: (name) => (name === "postgres-1" ? first : second),
      },
      { operator: folder.password },
      0,
    );
    const { pair, urlOf } = this.#planned;
    if (pair === undefined) throw new Error("there is one PostgreSQL");
    this.plan = pair;
    this.url = urlOf(BOOKS, folder.password);
  }

  static async start(): Promise<SupervisedPair> {
    const temporary = temporaryFolder("pair");
    const folder = await openDataFolder(temporary.path, false, () => Promise.resolve());
    const pair = new SupervisedPair(temporary, folder, await freePorts(2));
    await pair.start();
    return pair;
  }

  /** As a stack does it, also after {@link stop}. */
  async start(): Promise<void> {
    await preparePair(this.plan);
    const say = (line: string): unknown => this.lines.push(line);
    this.#processes = this.#planned.processes.map(
      (each) => new SupervisedProcess(each, this.#folder, say, () => {}),
    );
    this.#pair = new PostgresPair(this.plan, this.#processes, say);
    await this.#pair.start(new AbortController().signal);
  }

  async stop(): Promise<void> {
    await this.#pair?.close();
    await Promise.all(this.#processes.map((each) => each.stop()));
  }

  /** To the server and all of its sessions. */
  signal({ folder }: PostgresNode, signal: NodeJS.Signals): void {
    // The server itself first: it makes no more sessions then.
    for (const pid of processesIn(folder).toSorted((a, b) => a - b)) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  says(line: RegExp): Promise<void> {
    return eventually(
      `the supervisor says ${line}`,
      () => this.lines.some((each) => line.test(each)),
      () => this.lines,
    );
  }

  /** Until this one is the primary, and the other one follows it. */
  isPrimary(node: PostgresNode): Promise<void> {
    const other = this.plan.nodes.find((each) => each !== node);
    return eventually(
      `${node.name} is the primary, and is followed`,
      async () => {
        const sql = connectPostgres({ url: node.url, name: "test", connections_max: 1 });
        try {
          const [row] = await sql`
            SELECT FROM pg_stat_replication
            WHERE NOT pg_is_in_recovery() AND state = 'streaming' AND application_name = ${applicationOf(other ?? node)}`;
          return row !== undefined;
        } finally {
          await sql.end({ timeout: 1 });
        }
      },
      () => this.lines,
    );
  }

  async dispose(): Promise<void> {
    await this.stop();
    this.#folder.release();
    this.#temporary[Symbol.dispose]();
  }
}

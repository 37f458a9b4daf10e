import { type JetStreamManager, jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { STREAM } from "../../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../../src/carry/nats-address.ts";
import type { StackUser } from "../../../src/stack/credentials.ts";
import { eventually } from "../eventually.ts";
import type { CertificateFiles } from "./certificates.ts";
import { freePorts } from "./free-ports.ts";
import { type NatsServer, startNats } from "./nats.ts";

const NAMES = ["nats-1", "nats-2", "nats-3"] as const;
type Name = (typeof NAMES)[number];

/** Three NATS servers that share the stream, as they are deployed. */
export class NatsCluster {
  readonly #servers: ReadonlyMap<Name, NatsServer>;

  private constructor(servers: ReadonlyMap<Name, NatsServer>) {
    this.#servers = servers;
  }

  static async start(tls?: CertificateFiles): Promise<NatsCluster> {
    const routesPorts = await freePorts(NAMES.length);
    const members = NAMES.map((name, index) => ({
      name,
      routesPort: routesPorts[index] ?? 0,
      routesPorts,
    }));
    const servers = await Promise.all(
      members.map(async (member) => [member.name, await startNats(tls, undefined, member)] as const),
    );
    const cluster = new NatsCluster(new Map(servers));
    await cluster.agrees();
    return cluster;
  }

  /** Until most of them have chosen one who makes streams. */
  async agrees(): Promise<void> {
    await eventually("NATS's servers have a leader", () =>
      this.#ask(async (manager) => {
        await manager.getAccountInfo();
        return true;
      }),
    );
  }

  get servers(): readonly NatsServer[] {
    return [...this.#servers.values()];
  }

  server(name: string): NatsServer {
    const found = NAMES.find((each) => each === name);
    const server = found === undefined ? undefined : this.#servers.get(found);
    if (server === undefined) throw new Error(`there is no ${name}`);
    return server;
  }

  /** Of the operator, with all of them as hosts. */
  get url(): string {
    return this.#naming(({ url }) => url);
  }

  urlOf(user: StackUser): string {
    return this.#naming((server) => server.urlOf(user));
  }

  /** One of them, of which one is told that it is all of them. */
  get asOne(): NatsServer {
    const [first] = this.servers;
    if (first === undefined) throw new Error("there is none");
    return { ...first, url: this.url, urlOf: (user) => this.urlOf(user) };
  }

  /** The stream, as soon as a leader tells of it. */
  async stream(): Promise<StreamInfo> {
    let found: StreamInfo | undefined;
    await eventually("the stream has a leader", async () => {
      found = await this.#ask((manager) => manager.streams.info(STREAM));
      return found.cluster?.leader !== undefined && found.cluster.leader !== "";
    });
    if (found === undefined) throw new Error("there is no stream");
    return found;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.servers.map(({ process }) => process.dispose()));
  }

  async #ask<Answer>(ask: (manager: JetStreamManager) => Promise<Answer>): Promise<Answer> {
    const connection = await connect({ ...natsOptions(this.url), reconnect: false });
    try {
      return await ask(await jetstreamManager(connection, { checkAPI: false }));
    } finally {
      await connection.close();
    }
  }

  #naming(urlOf: (server: NatsServer) => string): string {
    const [first, ...others] = this.servers.map((server) => new URL(urlOf(server)));
    return [first?.href, ...others.map(({ host }) => host)].join(",");
  }
}

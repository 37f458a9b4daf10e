import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { EnsuredStream, subjectOf } from "../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { NatsCluster } from "../support/servers/nats-cluster.ts";

failOnLeaks();
setDefaultTimeout(120_000);

/** The stream of three servers, and who is connected to them; under load they are in tests/cluster. */

describe.skipIf(serversMissing !== null)("the feed of three NATS servers", () => {
  let nats: NatsCluster;
  let connections: NatsConnection[];

  beforeEach(async () => {
    connections = [];
    nats = await NatsCluster.start();
  });

  afterEach(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await nats.dispose();
  });

  async function connectTo(url: string): Promise<NatsConnection> {
    const connection = await connect({
      ...natsOptions(url),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
    connections.push(connection);
    return connection;
  }

  test("a stream of one server gets its copies of a writer, keeps what it has, and loses none of them again", async () => {
    const [api, writer] = [await connectTo(nats.urlOf("api")), await connectTo(nats.urlOf("writer"))];
    const said: string[] = [];
    const ensure = (connection: NatsConnection, copies: number, mayChange: boolean) =>
      new EnsuredStream(copies, mayChange, (line) => said.push(line)).ensure(connection);
    const copies = async () => (await nats.stream()).config.num_replicas;

    await ensure(api, 1, false);
    expect(await copies()).toBe(1);
    api.publish(subjectOf(0), "kept");
    await api.flush();
    await ensure(api, 3, false);
    expect(await copies()).toBe(1);
    await ensure(writer, 3, true);
    await eventually("all three have what it holds", async () => {
      const { config, cluster, state } = await nats.stream();
      const others = cluster?.replicas ?? [];
      return (
        config.num_replicas === 3 &&
        state.messages === 1 &&
        others.filter(({ current }) => current).length === 2
      );
    });
    await ensure(writer, 1, true);
    await ensure(api, 1, false);
    expect(await copies()).toBe(3);
    expect(said).toEqual([]);
  });

  test("a stream that cannot be on three servers is told, once, and when it is", async () => {
    // One of three decides nothing.
    const others = nats.servers.slice(1).map(({ process }) => process);
    await Promise.all(others.map((process) => process.kill()));
    const writer = await connectTo(nats.urlOf("writer"));
    const said: unknown[][] = [];
    const stream = new EnsuredStream(3, true, (...line) => said.push(line));
    await eventually("it is told", async () => {
      await stream.ensure(writer);
      return said.length > 0;
    });
    await stream.ensure(writer);
    expect(said).toEqual([
      [
        expect.stringMatching(/^the stream RAZONETE in NATS is not on 3 servers, as it should be \(.+\)$/),
        { server: "NATS stream", outage: "copies" },
      ],
    ]);
    await Promise.all(others.map((process) => process.start()));
    await eventually("it is told that it is", async () => {
      await stream.ensure(writer);
      return said.length > 1;
    });
    expect(said.slice(1)).toEqual([
      ["the stream RAZONETE in NATS is on 3 servers", { server: "NATS stream" }],
    ]);
    expect((await nats.stream()).config.num_replicas).toBe(3);
  });

  test("a server that stands still, or is killed, is left for another", async () => {
    const connection = await connectTo(nats.urlOf("api"));
    const serverOf = (address: string) => {
      const found = nats.servers.find(({ process }) => address.endsWith(`:${process.port}`));
      if (found === undefined) throw new Error(`there is no server at ${address}`);
      return found.process;
    };
    const left = connection.getServer();
    serverOf(left).signal("SIGSTOP");
    await eventually("it is left", () => !connection.isClosed() && connection.getServer() !== left);
    await connection.flush();

    const lost = connection.getServer();
    await serverOf(lost).kill();
    await eventually("it is left, and none is there that stands still", async () => {
      await connection.flush();
      return ![left, lost].includes(connection.getServer());
    });
  });
});

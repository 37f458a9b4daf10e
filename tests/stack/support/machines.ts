import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { diesWithParent } from "../../support/servers/server-process.ts";

/** deploy/machines, and its services as plain processes: what docker compose would start on three machines. */

const ROOT = join(import.meta.dir, "../../..");
const MACHINES = join(ROOT, "deploy/machines");

const strings = z.array(z.string());
const service = z.object({
  image: z.string(),
  entrypoint: strings.default([]),
  command: strings,
  environment: z.record(z.string(), z.string()).default({}),
  volumes: strings.default([]),
  profiles: strings.default([]),
});
export const machinesFile = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(readFileSync(join(MACHINES, "docker-compose.yml"), "utf8"), { merge: true }));

/** What the programs of an image are started by, where the command does not say it. */
const STARTED_BY: Readonly<Record<string, readonly string[]>> = {
  razonete: ["razonete"],
  "nats:2.9": ["nats-server"],
};

export type Settings = Readonly<Record<string, string>>;

/** What example.env sets. */
export function exampleSettings(): Settings {
  const lines = readFileSync(join(MACHINES, "example.env"), "utf8").split("\n");
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

/** As docker compose puts settings in: ${NAME}, ${NAME:?}, ${NAME-other}, ${NAME:-other}, where other may have such, too. */
export function withSettings(text: string, settings: Settings): string {
  const innermost = /\$\{(\w+)(?:(:?[-?])([^{}]*))?\}/;
  let rest = text;
  for (let found = innermost.exec(rest); found !== null; found = innermost.exec(rest)) {
    const [whole, name = "", how = "", other = ""] = found;
    const value = settings[name];
    const isSet = value !== undefined && !(how.startsWith(":") && value === "");
    if (!isSet && how.endsWith("?")) throw new Error(`${name} is not set`);
    rest = rest.replace(whole, () => (isSet ? value : how.endsWith("-") ? other : ""));
  }
  return rest;
}

export interface Machine {
  readonly address: string;
  /** The operator's, of its first node. */
  readonly redisUrl: string;
  /** Starts a service, as it was before where it ran already. */
  start(...services: readonly string[]): void;
  /** Runs a command of razonete to its end, as the operator. */
  operator(...command: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  /** Ends some, or all that run: by this signal. */
  end(signal: NodeJS.Signals, services?: readonly string[]): Promise<void>;
  /** Its volumes, of what was ended, as on a new machine. */
  empty(): void;
  /** What it has said. */
  log(service: string): string;
}

/**
 * Three machines on loopback addresses of their own, each with a folder for its volumes, without Docker.
 *
 * @param settings over those of example.env
 */
export function threeMachines(folder: string, settings: Settings): readonly Machine[] {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const script = (name: string, line: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${line}\n`, { mode: 0o755 });
  script("razonete", `${process.execPath} ${join(ROOT, "src/cli/main.ts")} "$@"`);
  const network = `127.${1 + Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`;
  const addresses = [1, 2, 3].map((number) => `${network}.${number}`);
  const places = addresses.map((address, index) => [`RAZONETE_MACHINE_${index + 1}`, address]);
  const example = exampleSettings();
  const passwords = Object.keys(example).flatMap((name) =>
    /PASSWORD/.test(name) ? [[name, `secret${name}`]] : [],
  );
  return addresses.map((address, index) =>
    newMachine(join(folder, `machine-${index + 1}`), bin, {
      ...example,
      ...Object.fromEntries([...places, ...passwords]),
      RAZONETE_MACHINE: String(index + 1),
      RAZONETE_ADDRESS: address,
      RAZONETE_BIND: `${address}:9999`,
      ...settings,
    }),
  );
}

function newMachine(folder: string, bin: string, settings: Settings): Machine {
  mkdirSync(folder);
  const address = settings["RAZONETE_ADDRESS"] ?? "";
  const running = new Map<string, Bun.Subprocess>();
  const logOf = (name: string): string => join(folder, `${name}.log`);
  const spawn = (name: string, more?: readonly string[]): Bun.Subprocess => {
    const { command, environment } = commandOf(name, folder, settings, more);
    const log = openSync(logOf(name), "a");
    try {
      return Bun.spawn([...diesWithParent("KILL"), ...command], {
        cwd: folder,
        env: { PATH: `${bin}:/usr/sbin:${process.env["PATH"]}`, ...environment },
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
  };
  return {
    address,
    redisUrl: `redis://default:${settings["RAZONETE_PASSWORD"]}@${address}:6379`,
    start: (...services) => {
      for (const name of services) running.set(name, spawn(name));
    },
    operator: async (...command) => {
      const { size } = Bun.file(logOf("operator"));
      const code = await spawn("operator", command).exited;
      return { code, output: await Bun.file(logOf("operator")).slice(size).text() };
    },
    end: async (signal, services = [...running.keys()]) => {
      const ending = services.flatMap((name) => running.get(name) ?? []);
      for (const each of ending) each.kill(signal);
      await Promise.all(ending.map(({ exited }) => exited));
    },
    empty: () => {
      for (const volume of Object.keys(machinesFile.volumes))
        rmSync(join(folder, volume), { recursive: true, force: true });
    },
    log: (name) => readFileSync(logOf(name), "utf8"),
  };
}

/** What a service runs, and with what: with the paths of this machine in place of those in the container. */
export function commandOf(
  name: string,
  folder: string,
  settings: Settings,
  more?: readonly string[],
): { readonly command: string[]; readonly environment: Record<string, string> } {
  const found = machinesFile.services[name];
  if (found === undefined) throw new Error(`there is no service ${name}`);
  const paths = found.volumes.map((volume) => {
    const [source = "", target = ""] = volume.split(":");
    if (source.startsWith(".")) return { target, path: resolve(MACHINES, source) };
    const path = join(folder, source);
    mkdirSync(path, { recursive: true });
    return { target, path };
  });
  const here = (text: string): string =>
    paths.reduce(
      (all, { target, path }) => all.replaceAll(new RegExp(`(?<=^|")${target}(?=[/"]|$)`, "g"), path),
      withSettings(text, settings),
    );
  const { entrypoint, command, environment, image } = found;
  return {
    command: [...entrypoint, ...(STARTED_BY[image] ?? []), ...(more ?? command)].map(here),
    environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, here(value)])),
  };
}

import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Limits } from "../cgroup/limits-and-usage.ts";
import { messageOf, StartError } from "../../src/errors.ts";
import { DEPLOY } from "../../src/stack/process-plan.ts";

/** The file that is submitted to the contest. `npm run contest` reads it. */
export const SUBMISSION_FILE = join(DEPLOY, "rinha/docker-compose.yml");

/** The contest's bounds for all services of a submission together. Megabytes as in Docker: 2^20 bytes. */
export const SUBMISSION_BOUNDS = { cpus: 1.5, memory_megabytes: 550, ready_seconds: 40 } as const;

export const MEGABYTE_BYTES = 2 ** 20;

/** A service of the submission: the settings that apply outside of a container, too. */
export interface Service {
  readonly limits: Required<Limits>;
  readonly command: readonly string[];
  /** Settings of the runtimes (Bun, Go), which the processes of the stack do not have. */
  readonly environment: Readonly<Record<string, string>>;
  /** Configuration files that are mounted into its container, as paths on this machine. */
  readonly files: readonly string[];
}

export type Submission = ReadonlyMap<string, Service>;

const service = z.object({
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  deploy: z.object({
    resources: z.object({
      limits: z.object({
        cpus: z.string().regex(/^\d(\.\d+)?$/, 'a number in quotes, such as "0.25"'),
        memory: z.string().regex(/^\d+MB$/, "megabytes, such as 80MB"),
      }),
    }),
  }),
});
const composeFile = z.object({ services: z.record(z.string(), service) });

const RUNTIME_VARIABLES = /^(BUN_|MIMALLOC_|GO|HAPROXY_ROUND_ROBIN$)/;

/** @throws StartError if the file cannot be read, or a service has no limits */
export function readSubmission(file: string = SUBMISSION_FILE): Submission {
  try {
    const { services } = composeFile.parse(parse(readFileSync(file, "utf8"), { merge: true }));
    const folder = dirname(file);
    return new Map(Object.entries(services).map(([name, found]) => [name, serviceOf(found, folder)]));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new StartError(`${file} cannot be used (${reason}).`);
  }
}

function serviceOf(found: z.infer<typeof service>, folder: string): Service {
  const { cpus, memory } = found.deploy.resources.limits;
  const mounted = found.volumes.flatMap((volume) => {
    const [source = ""] = volume.split(":");
    const path = join(folder, source);
    return source.startsWith(".") && statSync(path).isFile() ? [path] : [];
  });
  return {
    limits: { cpus: Number(cpus), memoryBytes: Number.parseInt(memory, 10) * MEGABYTE_BYTES },
    command: found.command,
    environment: Object.fromEntries(
      Object.entries(found.environment).filter(([name]) => RUNTIME_VARIABLES.test(name)),
    ),
    files: mounted,
  };
}

/** The service with this name. @throws StartError if the submission has none */
export function serviceNamed(submission: Submission, name: string): Service {
  const found = submission.get(name);
  if (found === undefined) throw new StartError(`the submission has no service ${name}.`);
  return found;
}

/** The service's own file with the name of `stackFile`, or `stackFile` itself if the service has none. */
export function submissionFileFor({ files }: Service, stackFile: string): string {
  return files.find((file) => basename(file) === basename(stackFile)) ?? stackFile;
}

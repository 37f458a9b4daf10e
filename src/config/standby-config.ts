import { z } from "zod";
import { type Environment, integer, parse, setting } from "../settings.ts";

/** The setting about PostgreSQL's standbys: of those who rely on the books, the writer, APIs and the restore. */
export interface StandbyConfig {
  /** For so many standbys of PostgreSQL a commit has to wait. Default: 0. */
  readonly standbysMin?: number;
}

const settings = z.object({ MIN_STANDBYS: integer(0, 8) });

/** @throws StartError that names the setting, where it is wrong */
export function readStandbyConfig(environment: Environment): StandbyConfig {
  const { MIN_STANDBYS } = parse(settings, { MIN_STANDBYS: setting(environment, "MIN_STANDBYS", "0") });
  return { standbysMin: MIN_STANDBYS };
}

import { z } from "zod";

const line = z.looseObject({
  time: z.iso.datetime(),
  level: z.enum(["info", "warn", "alarm"]),
  program: z.string(),
  message: z.string(),
});

export type LogLine = z.infer<typeof line>;

/** The lines of a log, each of which has to be an object with what every line has. @throws Error if one is not */
export function linesOf(log: string): LogLine[] {
  if (log !== "" && !log.endsWith("\n")) throw new Error(`a log ends within a line: ${log.slice(-200)}`);
  return log
    .split("\n")
    .slice(0, -1)
    .map((text) => {
      try {
        return line.parse(JSON.parse(text));
      } catch (error) {
        throw new Error(`no line for a program: ${text}`, { cause: error });
      }
    });
}

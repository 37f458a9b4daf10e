import { Command, InvalidArgumentError } from "commander";
import { benchEmbedded } from "../bench/embedded.ts";

export function benchCommand(): Command {
  return new Command("bench")
    .description("measure speed and memory, each beside something to compare with")
    .addCommand(
      new Command("embedded")
        .description("the embedded ledger beside a bare Bun.serve that answers a constant")
        .option("--connections <list>", "connections to measure with", parseList, [1, 8, 32, 64])
        .option(
          "--rounds <number>",
          "measurements of each server at each number of connections",
          parseCount,
          5,
        )
        .option("--seconds <number>", "length of one measurement", parseCount, 4)
        .action(benchEmbedded),
    );
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("It must be an integer from 1 to 9999.");
  return Number(text);
}

function parseList(text: string): number[] {
  return text.split(",").map(parseCount);
}

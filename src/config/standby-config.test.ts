import { expect, test } from "bun:test";
import { StartError } from "../errors.ts";
import { readStandbyConfig } from "./standby-config.ts";

test("standbys are waited for where it is asked for", () => {
  expect(readStandbyConfig({})).toEqual({ standbysMin: 0 });
  expect(readStandbyConfig({ MIN_STANDBYS: "1" })).toEqual({ standbysMin: 1 });
  expect(() => readStandbyConfig({ MIN_STANDBYS: "yes" })).toThrow(
    new StartError('the variable MIN_STANDBYS must be an integer from 0 to 8, not "yes".'),
  );
});

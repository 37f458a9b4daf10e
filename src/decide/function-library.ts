import apply from "./function/apply.lua" with { type: "text" };
import commands from "./function/commands.lua" with { type: "text" };
import decide from "./function/decide.lua" with { type: "text" };
import head from "./function/head.lua" with { type: "text" };
import marks from "./function/marks.lua" with { type: "text" };
import reads from "./function/reads.lua" with { type: "text" };
import rows from "./function/rows.lua" with { type: "text" };
import savepoint from "./function/savepoint.lua" with { type: "text" };
import setup from "./function/setup.lua" with { type: "text" };
import transits from "./function/transits.lua" with { type: "text" };
import rules from "./rules.lua" with { type: "text" };
import transitRules from "./transit-rules.lua" with { type: "text" };

/**
 * The library that is loaded into Redis: the compiled rules, and the functions that call them. Redis knows no `require`,
 * so the rules stand in functions of their own, which return them as modules do; what one requires is the other.
 */
export const functionLibrary: string = [
  "#!lua name=razonete",
  "local rules = (function()",
  rules.trimEnd(),
  "end)()",
  "local transit_rules = (function(require)",
  transitRules.trimEnd(),
  "end)(function() return rules end)",
  "",
  head,
  rows,
  decide,
  transits,
  savepoint,
  commands,
  apply,
  reads,
  marks,
  setup,
].join("\n");

import functions from "./ledger.lua" with { type: "text" };
import rules from "./rules.lua" with { type: "text" };

/**
 * The library that is loaded into Redis: the compiled rules, and the functions that call them. Redis knows no `require`,
 * so the rules stand in a function of their own, which returns them as a module does.
 */
export const functionLibrary: string = [
  "#!lua name=razonete",
  "local rules = (function()",
  rules.trimEnd(),
  "end)()",
  "",
  functions,
].join("\n");

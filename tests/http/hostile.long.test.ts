import { failOnLeaks } from "../support/leaks.ts";
import { embeddedProcess, hostileSuite } from "./hostile-suite.ts";

failOnLeaks();
hostileSuite("the embedded ledger", 100_000, embeddedProcess);

import { failOnLeaks } from "../support/leaks.ts";
import { hostileSuite } from "./hostile-suite.ts";

failOnLeaks();
hostileSuite(10_000);

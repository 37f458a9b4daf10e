import { failOnLeaks } from "../support/leaks.ts";
import { contestSuite } from "./contest-suite.ts";

failOnLeaks();
contestSuite(0.1, 6138);

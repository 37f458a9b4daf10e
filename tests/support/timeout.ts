import { setDefaultTimeout } from "bun:test";

// Servers start within seconds, on a busy machine within many. A test that hangs is ended all the same.
setDefaultTimeout(60_000);

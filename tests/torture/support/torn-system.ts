/** Starts a cluster under test in the folder that is its argument, freezes servers, says so, and waits to be killed. */
import { ClusterUnderTest } from "../../../proof/torture/system/cluster-under-test.ts";

const system = await ClusterUnderTest.start({
  folder: String(process.argv[2]),
  faultKinds: ["kill", "stop", "disk"],
  say: () => {},
});
const going = system.inject({
  number: 1,
  kind: "stop",
  action: { type: "stop", processes: ["postgres", "redis"] },
  afterMilliseconds: 0,
  lastsMilliseconds: 60_000,
});
await Bun.sleep(300);
console.log("frozen");
await going;

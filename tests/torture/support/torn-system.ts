/** Starts a stage in the folder that is its argument, says so, and waits to be killed. */
import { ClusterStage } from "../../../proof/torture/system/cluster-under-test.ts";

const stage = await ClusterStage.start({
  folder: String(process.argv[2]),
  faultKinds: ["kill", "stop", "disk"],
  say: () => {},
});
const going = stage.do({
  number: 1,
  kind: "stop",
  harm: { type: "stop", processes: ["postgres", "redis"] },
  afterMilliseconds: 0,
  lastsMilliseconds: 60_000,
});
await Bun.sleep(300);
console.log("frozen");
await going;

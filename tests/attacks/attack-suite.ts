import { afterAll, afterEach, beforeAll, describe } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { bindingSection } from "./binding-section.ts";
import { bodiesSection } from "./bodies-section.ts";
import { browsersSection } from "./browsers-section.ts";
import { eventsSection } from "./events-section.ts";
import { framingSection } from "./framing-section.ts";
import { identitySection } from "./identity-section.ts";
import { keysSection } from "./keys-section.ts";
import { spyingSection } from "./spying-section.ts";
import { type Shape, Stage } from "./support/stage.ts";
import { textsSection } from "./texts-section.ts";

/**
 * What somebody may try who holds nothing, a key for some accounts, one that may only read, or one that no longer holds;
 * each test is an attack, and docs/security.md has a row for it. After each of them the others have what they had, and at
 * the end all that is kept agrees.
 */
export function attackSuite(name: string, start: () => Promise<Shape>): void {
  describe(`attacks on ${name}`, () => {
    let shape: Shape;
    const stage = new Stage(() => shape.port);
    beforeAll(async () => {
      shape = await start();
    });
    afterAll(() => shape.end());

    describe("while it is open, since no key was made", () => browsersSection(stage));

    describe("with keys made", () => {
      beforeAll(async () => {
        const tokens = await shape.makeKeys();
        // A key that an API does not know yet counts as wrong: only one address asks with it.
        const caller = stage.withToken(tokens.last, stage.freshAddress());
        await eventually("every API knows the keys", async () => {
          const open = await stage.withToken(null).get("/v1/accounts/1");
          if (open.status !== 401) return false;
          await Bun.sleep(1_000);
          const asked = Array.from({ length: 4 }, () => caller.get("/v1/accounts/1"));
          return (await Promise.all(asked)).every(({ status }) => status === 200);
        });
        await stage.set(tokens);
      });
      afterEach(() => stage.expectOthersUnharmed());

      framingSection(stage);
      identitySection(stage, () => shape.events());
      keysSection(stage, () => shape.keptKeys());
      bindingSection(stage);
      eventsSection(stage);
      spyingSection(stage);
      bodiesSection(stage);
      textsSection(stage);
    });
  });
}

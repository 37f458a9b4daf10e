import { describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { verifyWebhook, WebhookError } from "../../client/src/razonete.ts";

/** The check of a webhook's signature, beside the library of those who wrote the standard. */

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another secret of 24 bytes").toString("base64")}`;
const EVENT = {
  id: "e0-1-0-17",
  type: "account.opened",
  at: "2026-11-26T17:02:20.661000Z",
  data: { name: "Ação 🦆" },
};
const BODY = JSON.stringify(EVENT);

interface Signed {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

/** As the library signs. */
function signed(secret = SECRET, body = BODY, secondsAgo = 0, id = EVENT.id): Signed {
  const at = new Date(Date.now() - secondsAgo * 1000);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

describe("what the library signs is the ledger's", () => {
  test.each<[string, Parameters<typeof verifyWebhook>]>([
    ["headers of Node", [SECRET, { ...signed(), host: "x", "set-cookie": ["a", "b"] }, BODY]],
    ["headers of a Request", [SECRET, new Headers({ ...signed() }), BODY]],
    ["a body of bytes", [SECRET, { ...signed() }, new TextEncoder().encode(BODY)]],
    ["a body of a Buffer", [SECRET, { ...signed() }, Buffer.from(BODY)]],
    ["a secret without its beginning", [SECRET.slice(6), { ...signed() }, BODY]],
    ["of 4 minutes ago", [SECRET, { ...signed(SECRET, BODY, 240) }, BODY]],
    ["of a clock that is 4 minutes ahead", [SECRET, { ...signed(SECRET, BODY, -240) }, BODY]],
  ])("%s", async (_, given) => {
    expect(await verifyWebhook(...given)).toEqual(Object(EVENT));
  });

  test("signed by two secrets, by either; signatures of other versions are passed over", async () => {
    const [own, other] = [signed(), signed(OTHER)];
    const both = [own, other].map((one) => one["webhook-signature"]).join(" ");
    for (const signature of [both, `v1a,abc v2,${both.slice(3)} v1, v1,%% ${both}`])
      for (const secret of [SECRET, OTHER])
        expect(await verifyWebhook(secret, { ...own, "webhook-signature": signature }, BODY)).toEqual(
          Object(EVENT),
        );
  });

  test("whatever the body, and the library says the same", async () => {
    for (const text of ["", " ", "\u2028", "ä".repeat(70_000), "a\nb\r\n"]) {
      const body = JSON.stringify({ type: "account.opened", text });
      const headers = { ...signed(SECRET, body) };
      expect(await verifyWebhook(SECRET, headers, body)).toEqual(Object({ type: "account.opened", text }));
      expect(new Webhook(SECRET).verify(body, headers)).toEqual({ type: "account.opened", text });
    }
  });
});

describe("what is not the ledger's is refused, by the library as by us", () => {
  const own = signed();
  const [signature] = [own["webhook-signature"]];
  const flipped = `${signature.slice(0, 10)}${signature[10] === "A" ? "B" : "A"}${signature.slice(11)}`;
  test.each<[string, Partial<Signed>, string]>([
    ["another secret", signed(OTHER), BODY],
    ["another body", own, BODY.replace("Ação", "Acao")],
    ["a body written anew", own, JSON.stringify(EVENT, null, 1)],
    ["another id", { ...own, "webhook-id": "e0-1-1-17" }, BODY],
    ["another time", { ...own, "webhook-timestamp": String(Number(own["webhook-timestamp"]) + 1) }, BODY],
    ["a bit of the signature", { ...own, "webhook-signature": flipped }, BODY],
    ["a signature cut off", { ...own, "webhook-signature": signature.slice(0, -8) }, BODY],
    ["a signature of no version", { ...own, "webhook-signature": signature.slice(3) }, BODY],
    ["of another version", { ...own, "webhook-signature": signature.replace("v1,", "v2,") }, BODY],
    ["an empty signature", { ...own, "webhook-signature": "v1," }, BODY],
    ["of 6 minutes ago", signed(SECRET, BODY, 360), BODY],
    ["of in 6 minutes", signed(SECRET, BODY, -360), BODY],
    ["no id", { ...own, "webhook-id": "" }, BODY],
    ["no headers", {}, BODY],
  ])("%s", async (_, headers, body) => {
    expect(verifyWebhook(SECRET, { ...headers }, body)).rejects.toBeInstanceOf(WebhookError);
    expect(() => new Webhook(SECRET).verify(body, { ...headers })).toThrow();
  });

  test("a time that is none, though signed", async () => {
    for (const timestamp of ["NaN", "soon", "1e999"]) {
      const key = Buffer.from(SECRET.slice(6), "base64");
      const hash = new Bun.CryptoHasher("sha256", key).update(`x.${timestamp}.${BODY}`).digest("base64");
      const headers = {
        "webhook-id": "x",
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${hash}`,
      };
      expect(verifyWebhook(SECRET, headers, BODY)).rejects.toThrow("5 minutes");
    }
  });

  test("what is signed but is no event", async () => {
    for (const body of ["", "5", "null", "{", "{}"])
      expect(verifyWebhook(SECRET, { ...signed(SECRET, body) }, body)).rejects.toThrow("no event");
  });
});

test("a secret that is none is told at once, without being told itself", async () => {
  for (const secret of ["", "whsec_", "whsec_not base64!", Object(undefined).secret]) {
    expect(verifyWebhook(secret, { ...signed() }, BODY)).rejects.toBeInstanceOf(TypeError);
    expect(verifyWebhook(secret, { ...signed() }, BODY)).rejects.not.toThrow("not base64!");
  }
});

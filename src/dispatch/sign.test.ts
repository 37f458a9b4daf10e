import { expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { newSecret, signatureHeaders } from "./sign.ts";

test("a receiver with either of two secrets can verify what is sent, and with no other one", () => {
  const [first, second, other] = [newSecret(), newSecret(), newSecret()];
  const body = '{"id":"e0-1-0-5","data":"é"}';
  const headers = signatureHeaders([first, second], "e0-1-0-5", new Date(), body);
  for (const secret of [first, second]) {
    expect(new Webhook(secret).verify(body, headers)).toEqual({ id: "e0-1-0-5", data: "é" });
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow();
    expect(() => new Webhook(secret).verify(body, { ...headers, "webhook-id": "e0-1-0-6" })).toThrow();
  }
  expect(() => new Webhook(other).verify(body, headers)).toThrow();
});

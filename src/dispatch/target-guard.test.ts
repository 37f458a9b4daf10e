import { describe, expect, test } from "bun:test";
import { allowedAddresses, parseTarget } from "./target-guard.ts";

const PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"];

const INNER_ADDRESSES = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.1",
  "10.255.255.255",
  "100.64.0.1",
  "100.127.255.254",
  "127.0.0.1",
  "127.8.8.8",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.1",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.51.100.7",
  "203.0.113.9",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::10.0.0.1",
  "::ffff:10.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:a9fe:a9fe",
  "::ffff:0:127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::808:808",
  "100::1",
  "2001::1",
  "2001:10::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "2002:808:808::1",
  "3fff::1",
  "4000::1",
  "fc00::1",
  "fd00::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
];

const REFUSED_URLS = [
  "",
  "hooks.example.com",
  "//hooks.example.com/",
  "http://hooks.example.com/",
  "ftp://hooks.example.com/",
  "file:///etc/passwd",
  "gopher://hooks.example.com/",
  "data:text/plain,x",
  "https://",
  "https://user@hooks.example.com/",
  "https://user:word@hooks.example.com/",
  "https://hooks.example.com/#there",
  "https://hooks.example.com:22/",
  "https://hooks.example.com:80/",
  "https://hooks.example.com:0/",
  "https://localhost/",
  "https://localhost./",
  "https://LOCALHOST:9999/",
  "https://api.localhost/",
  "https://printer/",
  "https://printer.local/",
  "https://metadata.google.internal/",
  "https://metadata.google.internal./",
  "https://1.0.0.127.in-addr.arpa/",
  "https://127.1/",
  "https://0/",
  "https://0x7f000001/",
  "https://2130706433/",
  "https://017700000001/",
  "https://①②⑦.0.0.1/",
  "https://127。0。0。1/",
  "https://[::ffff:127.0.0.1]/",
  "https://[::]/",
];

const refused = { refused: expect.any(String) };

describe("where webhooks may go", () => {
  test.each(INNER_ADDRESSES)(
    "not to %s, by itself, as the answer for a name, or as one of several",
    async (address) => {
      const inUrl = address.includes(":") ? `[${address.replace(/%.*/, "")}]` : address;
      expect(parseTarget(`https://${inUrl}/`, false)).toEqual(refused);
      const ask = (addresses: readonly string[]) =>
        allowedAddresses("https://hooks.example.com/", async () => addresses, false);
      expect(await ask([address])).toEqual(refused);
      expect(await ask([...PUBLIC, address])).toEqual(refused);
      expect(await ask([address, ...PUBLIC])).toEqual(refused);
    },
  );

  test.each(REFUSED_URLS)("not to %p, and its name is not even resolved", async (url) => {
    let asked = 0;
    const resolve = async () => {
      asked += 1;
      return PUBLIC;
    };
    expect(await allowedAddresses(url, resolve, false)).toEqual(refused);
    expect(asked).toBe(0);
  });

  test.each([
    "https://hooks.example.com/",
    "https://hooks.example.com:8443/a?b=c",
    "https://93.184.215.14/",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    "https://[64:ff9b::5db8:d70e]/",
  ])("to %s", async (url) => {
    const addresses = await allowedAddresses(url, async () => PUBLIC, false);
    expect(addresses).toBeArray();
  });

  test("each attempt asks for the name anew, and goes by that answer", async () => {
    const answers = [PUBLIC, ["127.0.0.1"]];
    const ask = () =>
      allowedAddresses("https://hooks.example.com/", async () => answers.shift() ?? [], false);
    expect(await ask()).toEqual(PUBLIC);
    expect(await ask()).toEqual(refused);
    expect(await ask()).toEqual(refused);
  });

  test("where inner addresses are allowed, http and every address, but still no password", async () => {
    expect(await allowedAddresses("http://127.0.0.1:80/", async () => [], true)).toEqual(["127.0.0.1"]);
    expect(await allowedAddresses("https://printer/", async () => ["10.0.0.9"], true)).toEqual(["10.0.0.9"]);
    expect(parseTarget("http://a:b@127.0.0.1/", true)).toEqual(refused);
    expect(parseTarget("ftp://127.0.0.1/", true)).toEqual(refused);
  });
});

import { expect, test } from "vitest";
import { chooseEncoding } from "./choose-encoding.ts";

const gzip = { encoding: "gzip", chooseFirst: false };
const br = { encoding: "br", chooseFirst: false };
const firstBr = { encoding: "br", chooseFirst: true };
const cases = [
  { accept: "gzip", chain: [gzip, br], chosen: "gzip compressor" },
  { accept: "gzip, br", chain: [br, gzip], chosen: "gzip compressor" },
  { accept: "gzip, br", chain: [gzip, firstBr], chosen: "br compressor" },
  { accept: "gzip;q=0.5, br;q=0.8", chain: [gzip, br], chosen: "br compressor" },
  { accept: "gzip; Q = 0.5 , br ; q=0.4", chain: [gzip, br], chosen: "gzip compressor" },
  { accept: "gzip;q=x, br;q=0.1", chain: [gzip, br], chosen: "br compressor" },
  { accept: "gzip;level=9", chain: [gzip], chosen: "gzip compressor" },
  { accept: "*", chain: [br, gzip], chosen: "br wildcard" },
  { accept: "br;q=0, *", chain: [br, gzip], chosen: "gzip wildcard" },
  { accept: "gzip;q=0, *;q=1", chain: [gzip], chosen: "identity not_valid" },
  { accept: "identity, gzip;q=0.9", chain: [gzip], chosen: "identity identity" },
  { accept: "deflate", chain: [gzip], chosen: "identity not_valid" },
  { accept: "GZIP", chain: [gzip], chosen: "identity not_valid" },
  { accept: "", chain: [gzip], chosen: "identity not_valid" },
];

for (const { accept, chain, chosen } of cases) {
  test(`"${accept}" of ${chain.map((one) => one.encoding).join(", ")} gives ${chosen}`, () => {
    const { encoding, reason } = chooseEncoding(accept, chain);
    expect(`${encoding} ${reason}`).toBe(chosen);
  });
}

import { networkInterfaces } from "node:os";

/** The machine's first IPv4 address that is not loopback: what Envoy calls its own in x-forwarded-for. */
export function localIp(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) {
      if (!address.internal && address.family === "IPv4") return address.address;
    }
  }
  return "127.0.0.1";
}

import { connect, createServer } from "node:net";

// Two sockets of Node joined, nothing parsed: `splice.ts LISTEN-PORT BACKEND-PORT`. What any proxy on Node pays at least.

const [listenPort, backendPort] = process.argv.slice(2).map(Number);
const buffer = Buffer.allocUnsafeSlow(65536);

createServer({ noDelay: true }, (client) => {
  const onread = {
    buffer,
    callback: (length: number, bytes: Uint8Array): boolean => {
      client.write((bytes as Buffer).latin1Slice(0, length), "latin1");
      return true;
    },
  };
  const backend = connect({ port: backendPort ?? 0, host: "127.0.0.1", noDelay: true, onread });
  client.on("data", (bytes) => backend.write(bytes));
  client.on("close", () => backend.destroy()).on("error", () => {});
  backend.on("close", () => client.destroy()).on("error", () => {});
}).listen(listenPort, "127.0.0.1");

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { downloadBytes } from "./load.ts";

// The backends of `bench swap`: node backend.ts PORT... Any path answers 100 bytes, /download many, a WebSocket echoes.

const body = "x".repeat(100);
const piece = Buffer.alloc(64 * 1024, "x");

for (const port of process.argv.slice(2).map(Number)) {
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (request.url !== "/download") return response.end(body);
    response.setHeader("content-length", downloadBytes);
    let left = downloadBytes;
    const more = (): void => {
      while (left > 0) {
        left -= piece.length;
        if (!response.write(piece)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
  new WebSocketServer({ server }).on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(port, "127.0.0.1");
}

import { createServer } from "node:http";

// The backend where nginx is not installed: `node-backend.ts PORT`. It costs the load's core more, so less load is made; CPU per request of the proxies stays comparable.

const bodies = new Map([
  ["/body-64k", Buffer.alloc(64 * 1024, "x")],
  ["/body-1m", Buffer.alloc(1024 * 1024, "x")],
]);
const smallBody = Buffer.alloc(100, "x");

createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  const body = bodies.get(request.url ?? "") ?? smallBody;
  response.writeHead(200, { "content-type": "text/plain", "content-length": body.length });
  response.end(body);
}).listen(Number(process.argv[2]), "127.0.0.1");

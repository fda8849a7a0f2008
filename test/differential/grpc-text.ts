import { rawAnswer } from "./bytes.ts";

/** One gRPC message with its prefix, as wire text. */
export function grpcFrame(body: string, flag = 0): string {
  const length = [24, 16, 8, 0].map((shift) => String.fromCharCode((body.length >> shift) & 255)).join("");
  return String.fromCharCode(flag) + length + body;
}

/** An `x-do` field: the backend answers with these chunks and trailers; `fields` are whole lines. */
export function grpcAnswer(chunks: readonly string[], trailers: readonly string[], ...fields: string[]): string {
  const line = (text: string): string => `${text}\r\n`;
  const head = [
    "HTTP/1.1 200 OK",
    "transfer-encoding: chunked",
    ...(fields.length > 0 ? fields : ["content-type: application/grpc"]),
  ];
  const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  return rawAnswer(`${head.map(line).join("")}\r\n${body}0\r\n${trailers.map(line).join("")}\r\n`);
}

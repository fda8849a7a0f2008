import type { ConnectionCore } from "./connection-core.ts";

/** What a codec's frames go to. */
interface ChunkWriter {
  readonly isWritable: boolean;
  writeChunk(chunk: Buffer, length: number): void;
}

/** Moves a codec's output to its transport until one of them has had enough. */
export function writeOutput(codec: ConnectionCore, transport: ChunkWriter): void {
  while (transport.isWritable) {
    const piece = codec.takeOutput();
    if (piece === null) {
      codec.onDrain();
      if (codec.outputBytes === 0) return;
      continue;
    }
    transport.writeChunk(piece.chunk, piece.length);
  }
}

/**
 * Bytes of one stream as its codec reads and writes them: heads, bodies and trailers with what frames them, but no TLS.
 * Envoy: StreamInfo::BytesMeter.
 */
export class ByteCounts {
  wireReceived = 0;
  wireSent = 0;
  /** Of HTTP/1 the field lines, as Envoy counts them; of HTTP/2 the frames of header blocks. */
  headerReceived = 0;
  headerSent = 0;
  /** Names and values. Of HTTP/1 as headerReceived and headerSent, but for heads that follow others: see addHttp1Head. */
  decompressedReceived = 0;
  decompressedSent = 0;

  /** Envoy adds all that came so far with each head: 1xx heads and those of earlier attempts count again. */
  addHttp1Head(fieldBytes: number): void {
    this.headerReceived += fieldBytes;
    this.decompressedReceived += this.headerReceived;
  }

  reset(): void {
    this.wireReceived = 0;
    this.wireSent = 0;
    this.headerReceived = 0;
    this.headerSent = 0;
    this.decompressedReceived = 0;
    this.decompressedSent = 0;
  }
}

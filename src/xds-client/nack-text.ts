/**
 * The text of a NACK within what control planes show: Envoy cuts its own at 4096 bytes, and they are made for that. It is cut behind a whole
 * fault, and says how many more there are. Faults are lines; those that go on are indented.
 */
export function fitNack(text: string, maxBytes = nackMaxBytes): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const lines = text.split("\n");
  const faults = lines.filter((line) => !line.startsWith(" ")).length;
  const room = maxBytes - more(faults).length;
  let end = 0;
  let bytes = 0;
  let kept = 0;
  for (let i = 0; i < lines.length; ) {
    let next = i + 1;
    while (next < lines.length && lines[next]?.startsWith(" ")) next++;
    bytes += Buffer.byteLength(lines.slice(i, next).join("\n")) + 1;
    if (bytes > room) break;
    i = end = next;
    kept++;
  }
  // One fault alone that is too long.
  if (kept === 0) return `${cutText(text, room)}${more(faults - 1)}`;
  return `${lines.slice(0, end).join("\n")}\n${more(faults - kept)}`;
}

/** The beginning of a text, its last character whole. */
function cutText(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text).subarray(0, maxBytes - 4);
  return `${new TextDecoder("utf-8").decode(bytes, { stream: true })}…`;
}

function more(count: number): string {
  return count === 0 ? "" : `and ${count} more: see /config_status of the proxy`;
}

/** Envoy: truncateGrpcStatusMessage. */
const nackMaxBytes = 4096;

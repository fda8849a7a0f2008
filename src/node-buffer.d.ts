/** Methods of Buffer that @types/node leaves out; both skip the encoding lookup of toString and write. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string;
  latin1Write(text: string, offset?: number, length?: number): number;
}

/** What a filter leaves of a stream under a key for others to read. Envoy: StreamInfo::FilterState::Object. */
export interface FilterStateObject {
  /** For %FILTER_STATE(key:PLAIN)%; null where it has no text. Envoy: serializeAsString. */
  text(): string | null;
  /**
   * Its message with the names of the .proto, without fields that have their default, or the text of one that is a StringValue; null
   * where it has none. Envoy: serializeAsProto.
   */
  fields(): Record<string, unknown> | string | null;
  /** For %FILTER_STATE(key:FIELD:name)%; null for a field that it does not have. Envoy: getField. */
  field?(name: string): string | null;
  /** What a hash policy hashes of it; null where it has no hash. Envoy: Hashable. */
  hashText(): string | null;
  /** It stays where another request comes of this one (recreateStream). Envoy: LifeSpan::Request. */
  readonly isOfRequest?: true;
}

/** The fields as a text format prints them: the names of protobuf's JSON. */
export function jsonNames(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

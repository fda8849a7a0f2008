import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const headerMutation = (mutations: Json): Json => ({
  name: "envoy.filters.http.header_mutation",
  typed_config: { "@type": `${http}header_mutation.v3.HeaderMutation`, mutations },
});
const queryMutation = (mutation: Json): Json => headerMutation({ query_parameter_mutations: [mutation] });
const queryPath = "http_filters[0].typed_config.mutations.query_parameter_mutations[0]";

export const ofHeaderMutation: readonly FilterConfigCase[] = [
  {
    name: "header_mutation: every kind of change",
    filters: [
      headerMutation({
        request_mutations: [
          { append: { header: { key: "x", value: "%PROTOCOL%" } } },
          { remove: "y" },
          { remove_on_match: { key_matcher: { prefix: "z" } } },
        ],
        query_parameter_mutations: [{ append: { record: { key: "a", value: "b" } } }, { remove: "c" }],
      }),
    ],
  },
  {
    name: "header_mutation: a pseudo-field is not removed",
    filters: [headerMutation({ request_mutations: [{ remove: ":path" }] })],
    warns: '":path" cannot be removed',
  },
  ...[
    {
      title: "a pseudo-field",
      append: { header: { key: ":path", value: "/" } },
      path: "append.header.key",
      says: '":path" cannot be changed here',
      envoySays: ":-prefixed or host headers may not be modified",
    },
    {
      title: "an unknown operator",
      append: { header: { key: "x", value: "%NOPE%" } },
      path: "append.header.value",
      says: "Not supported field in StreamInfo: NOPE",
      envoySays: "Not supported field in StreamInfo: NOPE",
    },
    {
      title: "two words about appending",
      append: { header: { key: "x", value: "y" }, append: true, append_action: "ADD_IF_ABSENT" },
      path: "append.append_action",
      says: "Both append and append_action",
      envoySays: "Both append and append_action are set and it's not allowed",
    },
  ].map(({ title, append, path, says, envoySays }) => ({
    name: `header_mutation: ${title}`,
    filters: [headerMutation({ request_mutations: [{ append }] })],
    error: { path: `http_filters[0].typed_config.mutations.request_mutations[0].${path}`, says, envoySays },
  })),
  {
    name: "header_mutation: a query mutation of both kinds",
    filters: [queryMutation({ remove: "a", append: { record: { key: "a", value: "b" } } })],
    error: { path: queryPath, says: "Only one of", envoySays: "Only one of 'append'/'remove can be specified." },
  },
  {
    name: "header_mutation: a query mutation of no kind",
    filters: [queryMutation({})],
    error: { path: queryPath, says: "One of", envoySays: "One of 'append'/'remove' must be specified." },
  },
  {
    name: "header_mutation: a query value that is no text",
    filters: [queryMutation({ append: { record: { key: "a", value: 1 } } })],
    error: {
      path: `${queryPath}.append.record.value`,
      says: "Only string value",
      envoySays: "Only string value is allowed for record value.",
    },
  },
  {
    name: "header_mutation: a query addition of nothing",
    filters: [queryMutation({ append: {} })],
    error: {
      path: `${queryPath}.append.record`,
      says: "is missing",
      envoySays: "No record specified for append mutation.",
    },
  },
];

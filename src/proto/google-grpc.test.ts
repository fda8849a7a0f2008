import { expect, test } from "vitest";
import { GrpcService_GoogleGrpcSchema } from "./generated/envoy/config/core/v3/grpc_service_pb.ts";
import { type GoogleGrpcSpec, parseGoogleGrpc } from "./google-grpc.ts";
import { readJson } from "./json-tree.ts";
import { Problems } from "./problems.ts";

function parse(json: object): { spec: GoogleGrpcSpec | null; faults: string[] } {
  const problems = new Problems();
  const message = readJson(GrpcService_GoogleGrpcSchema, { stat_prefix: "a", ...json }, problems, "refuse");
  if (message === null) throw new Error(problems.list.map(({ reason }) => reason).join());
  return { spec: parseGoogleGrpc(message, problems), faults: problems.list.map(({ path }) => path) };
}

// The forms of gRPC's doc/naming.md.
test.each([
  ["a.example:80", "a.example", 80, null],
  ["a.example", "a.example", 443, null],
  ["dns:a.example:80", "a.example", 80, null],
  ["dns:///a.example:80", "a.example", 80, null],
  ["dns://8.8.8.8/a.example:80", "a.example", 80, null],
  ["ipv4:127.0.0.1:80", "127.0.0.1", 80, null],
  ["ipv6:[::1]:80", "::1", 80, null],
  ["[::1]:80", "::1", 80, null],
  ["unix:/a/b", "", 0, "/a/b"],
  ["unix:///a/b", "", 0, "/a/b"],
  ["unix:a/b", "", 0, "a/b"],
])("%s", (target_uri, host, port, path) => {
  expect(parse({ target_uri }).spec).toMatchObject({ host, port, path, tls: null, metadata: [] });
});

test.each(["xds:///a", "unix:", "a:b:80", "a:70000", "ipv4:1.1.1.1:1,2.2.2.2:2"])("%s is refused", (target_uri) => {
  expect(parse({ target_uri })).toEqual({ spec: null, faults: ["target_uri"] });
});

test("credentials: those that can be kept are, others are refused", () => {
  const target_uri = "a:1";
  expect(
    parse({
      target_uri,
      channel_credentials: {
        ssl_credentials: { root_certs: { filename: "/r" }, cert_chain: { inline_bytes: "QQ==" } },
      },
      call_credentials: [{ access_token: "t" }],
    }).spec,
  ).toMatchObject({
    tls: { roots: { kind: "filename", value: "/r" }, key: null, chain: { kind: "inlineString", value: "A" } },
    metadata: [["authorization", "Bearer t"]],
  });
  expect(parse({ target_uri, channel_credentials: { local_credentials: {} } }).spec?.tls).toBeNull();
  const refused = parse({
    target_uri,
    channel_credentials: { google_default: {} },
    call_credentials: [{ google_compute_engine: {} }],
    credentials_factory_name: "x",
    channel_args: { args: { a: { int_value: 1 } } },
  });
  expect(refused.spec).toBeNull();
  expect(refused.faults.toSorted()).toEqual([
    "call_credentials[0]",
    "channel_args",
    "channel_credentials.google_default",
    "credentials_factory_name",
  ]);
});

import { expect, test } from "vitest";
import { RequestHead, ResponseHead } from "../http/header-block.ts";
import { compileFormat, defaultFormat } from "./format.ts";
import { compileJsonFormat } from "./format-json.ts";
import { ResponseFlag } from "./response-flags.ts";
import { StreamInfo } from "./stream-info.ts";

/** The stream whose lines below are those of Envoy 1.40. */
function retriedStream(): StreamInfo {
  const info = new StreamInfo();
  info.request = new RequestHead();
  Object.assign(info.request, { method: "GET", path: "/bad?a=1&b=2", authority: "127.0.0.1:28180" });
  info.request.append("user-agent", "curl/7.88.1");
  info.request.append("x-request-id", "87b79e36-c172-4532-ad80-28ac17385564");
  info.response = new ResponseHead();
  info.response.status = 503;
  Object.assign(info, {
    protocol: "HTTP/1.1",
    startTimeMs: Date.UTC(2026, 10, 25, 4, 38, 9) + 637.925,
    start: 100,
    requestEnd: 100.039,
    end: 112.9,
    responseCode: 503,
    responseFlags: ResponseFlag.URX | ResponseFlag.UF,
    details: "upstream_reset_before_response_started{remote connection failure}",
    bytesSent: 121,
    attemptCount: 2,
    connectionId: 1,
    clusterName: "c2",
    upstreamHost: "127.0.0.1:1",
    downstreamRemoteAddress: "127.0.0.1:35434",
    downstreamLocalAddress: "127.0.0.1:28180",
    downstreamDirectLocalAddress: "127.0.0.1:28180",
    routeMetadata: { a: { z: [1, true], b: "str", num: 3 } },
  });
  return info;
}

const lines: [format: string, line: string][] = [
  [
    defaultFormat,
    '[2026-11-25T04:38:09.637Z] "GET /bad?a=1&b=2 HTTP/1.1" 503 URX,UF 0 121 12 - "-" "curl/7.88.1" "87b79e36-c172-4532-ad80-28ac17385564" "127.0.0.1:28180" "127.0.0.1:1"\n',
  ],
  [
    "%START_TIME(%s)%|%START_TIME(%f)%|%START_TIME(%3f)%|%START_TIME(%s.%3f)%",
    "1795581489|637925000|637|1795581489.637",
  ],
  ["%START_TIME(%Y/%m/%dT%H:%M:%S%z %6f %Z)%", "2026/11/25T04:38:09+0000 637925 UTC"],
  [
    "%START_TIME(%b %e %j %a %A %B %d %y %I %p %D %F %T %R %u %w %E4S %Ez %1f %9f)%",
    "Nov 25 329 Wed Wednesday November 25 26 04 AM 11/25/26 2026-11-25 04:38:09 04:38 3 3 09.6379 +00:00 6 637925000",
  ],
  ["%REQ(:METHOD):2%|%REQ(X?:PATH)%|%REQ(user-agent):3%", "GE|/bad?a=1&b=2|cur"],
  ["%PATH%|%PATH(NQ)%|%PATH(WQ:ORIG)%|%QUERY_PARAM(a)%|%QUERY_PARAMS%", "/bad?a=1&b=2|/bad|-|1|a=1&b=2"],
  ["%RESPONSE_FLAGS_LONG%", "UpstreamRetryLimitExceeded,UpstreamConnectionFailure"],
  ["%RESPONSE_CODE_DETAILS%", "upstream_reset_before_response_started{remote_connection_failure}"],
  ["%COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)%|%REQUEST_TX_DURATION%", "39|-"],
  [
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%|%DOWNSTREAM_LOCAL_PORT%|%UPSTREAM_REMOTE_ADDRESS%",
    "127.0.0.0/8|28180|-",
  ],
  ["%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%", "127.0.0.1:1|127.0.0.1"],
  ["%METADATA(ROUTE:a:b)%|%METADATA(ROUTE:a)%", 'str|{"b":"str","num":3,"z":[1,true]}'],
  ['%COALESCE({"operators":["REQUESTED_SERVER_NAME","PROTOCOL"]})%', "HTTP/1.1"],
  ["100%%|%GRPC_STATUS%|%CUSTOM_FLAGS%|é", "100%|-||\u00c3\u00a9"],
];
for (const [format, line] of lines) {
  test(`a line of ${format}`, () => {
    const formatter = compileFormat(format);
    if (typeof formatter === "string") throw new Error(formatter);
    expect(formatter.format(retriedStream())).toBe(line);
  });
}

const refused: [format: string, error: string][] = [
  ["%FOO%", "Not supported field in StreamInfo: FOO"],
  ["%REQ%", "REQ requires parameters"],
  ["%REQ()%", "REQ requires parameters"],
  ["%RESPONSE_CODE:3%", "RESPONSE_CODE does not take any parameters or length"],
  ["%PROTOCOL(x)%", "PROTOCOL does not take any parameters or length"],
  ["100%", "Incorrect configuration: 100%. Couldn't find valid command at position 3"],
  ["a %%% b", "Incorrect configuration: a %%% b. Couldn't find valid command at position 4"],
  ["%REQ(x)x%", "Incorrect configuration: %REQ(x)x%. Couldn't find valid command at position 0"],
  ["%START_TIME(%n)%", "Invalid header configuration. Format string contains newline."],
  ["%REQ(x?y?z)%", "More than 1 alternative header specified in token: x?y?z"],
  ["%METADATA(FOO:a)%", "FOO is not supported type of metadata"],
  ["%COMMON_DURATION(DS_RX_BEG:DS_RX_END:s)%", "Invalid common duration precision: s."],
  ["%PATH(X)%", "Invalid PATH option: 'X', only 'WQ'/'NQ' are allowed"],
  ["%START_TIME(%s):3%", "START_TIME does not allow length to be specified."],
  ["%COALESCE({})%", "COALESCE: JSON configuration must contain 'operators' array"],
  ["%REQ_WITHOUT_QUERY(x)%", "Not supported field in StreamInfo: REQ_WITHOUT_QUERY"],
];
for (const [format, error] of refused) test(`${format} is refused`, () => expect(compileFormat(format)).toBe(error));

test("JSON keeps types, sorts keys and writes null for what is missing", () => {
  const struct = {
    zz: "%PROTOCOL%",
    b: "%RESPONSE_CODE%",
    a: "x %RESPONSE_CODE% y",
    miss: "%REQ(nope)%",
    missm: "a %REQ(nope)% b",
    n: { d: "%DURATION%", c: '"quoé</%REQ(user-agent)%' },
    l: ["%BYTES_SENT%", 3, true, null, 1.5],
    mdn: "%METADATA(ROUTE:a:num)%",
    B: "%BYTES_RECEIVED%",
  };
  const formatter = compileJsonFormat(struct, { missing: "-" });
  if (typeof formatter === "string") throw new Error(formatter);
  const line = Buffer.from(formatter.format(retriedStream()), "latin1").toString("utf8");
  expect(line).toBe(
    '{"B":0,"a":"x 503 y","b":503,"l":[121,3,true,null,"1.5"],"mdn":3,"miss":null,"missm":"a - b","n":{"c":"\\"quoé</curl/7.88.1","d":12},"zz":"HTTP/1.1"}\n',
  );
});

test("omit_empty_values leaves out keys and list items without a value", () => {
  const struct = {
    zz: "%PROTOCOL%",
    miss: "%REQ(nope)%",
    missm: "a %REQ(nope)% b",
    n: { d: "%REQ(nope)%" },
    l: ["%REQ(nope)%", "x"],
  };
  const formatter = compileJsonFormat(struct, { missing: "" });
  if (typeof formatter === "string") throw new Error(formatter);
  expect(formatter.format(retriedStream())).toBe('{"l":["x"],"missm":"a  b","zz":"HTTP/1.1"}\n');
});

import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.csrf";
const type = "type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy";
const percent = (numerator: number, runtime_key = ""): Json => ({ default_value: { numerator }, runtime_key });
const on: Json = { filter_enabled: percent(100) };
const off: Json = { filter_enabled: percent(0) };
const policy = (config: Json): Json => ({ typed_per_filter_config: { [name]: { "@type": type, ...config } } });
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});

export const csrfSetups: Record<string, Setup> = {
  csrf: {
    filters: [{ name, typed_config: { "@type": type, ...on } }],
    runtime: { "csrf.on": 100, "csrf.off": 0 },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/off", policy(off)),
          to("/shadow", policy({ ...off, shadow_enabled: percent(100) })),
          to("/both", policy({ ...on, shadow_enabled: percent(100) })),
          to("/by-key", policy({ filter_enabled: percent(0, "csrf.on") })),
          to("/off-by-key", policy({ filter_enabled: percent(100, "csrf.off") })),
          to(
            "/more",
            policy({
              ...on,
              additional_origins: [
                { exact: "friend.test" },
                { suffix: ".good.test", ignore_case: true },
                { safe_regex: { regex: "[a-z]+\\.re\\.test:\\d+" } },
              ],
            }),
          ),
          { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
          to("/"),
        ],
      },
      { name: "lenient", domains: ["lenient.test"], ...policy(off), routes: [to("/strict", policy(on)), to("/")] },
    ],
  },
};

const host = "host: shop.test";
const post = (path: string, ...fields: string[]): string => request(`POST ${path}`, "content-length: 0", ...fields);

export const csrfCases: readonly Case[] = [
  ...["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "post", "PROPFIND"].map((method) =>
    c(`${method} of another origin`, request(`${method} /`, "content-length: 0", host, "origin: http://bad.test")),
  ),
  ...[
    "http://shop.test",
    "https://shop.test",
    "HTTP://shop.test",
    "ftp://shop.test",
    "ws://shop.test",
    "http://shop.test:80",
    "https://shop.test:443",
    "http://shop.test:8080",
    "http://shop.test/",
    "http://shop.test/a?b#c",
    "http://shop.test?b",
    "http://SHOP.test",
    "http://ann@shop.test",
    "http://ann:b@shop.test/x",
    "http://bad.test/@shop.test",
    "http://shop.test.bad.test",
    "shop.test",
    "SHOP.test",
    "//shop.test",
    "null",
    "",
    "http://",
    "http:///",
    "http://shop.test:x",
    "http://shop.test http://bad.test",
    "http://[::1]",
    "shop.test:80",
    "shop.test:",
    "about:blank",
    "about:shop.test",
    "http:shop.test",
    "file:///shop.test",
    "1a:x",
  ].map((origin) => c(`origin "${origin}"`, post("/", host, `origin: ${origin}`))),
  c("a host with a port, and its origin", post("/", "host: shop.test:8080", "origin: http://shop.test:8080")),
  c("a host with the default port, an origin without", post("/", "host: shop.test:80", "origin: http://shop.test")),
  c("neither origin nor referer", post("/", host)),
  c("a referer of this origin", post("/", host, "referer: http://shop.test/form?x=1")),
  c("a referer of another origin", post("/", host, "referer: http://bad.test/form")),
  c("a referer that is no URL", post("/", host, "referer: about:blank")),
  c("a referer that is no URL, forwarded", request("GET /", host, "referer: about:blank")),
  c("the origin counts before the referer", post("/", host, "origin: http://bad.test", "referer: http://shop.test/")),
  c("an empty origin leaves it to the referer", post("/", host, "origin:", "referer: http://shop.test/")),
  c("an origin of no host leaves it", post("/", host, "origin: about:blank", "referer: http://shop.test/")),
  c("the origin null does not", post("/", host, "origin: null", "referer: http://shop.test/")),
  c("two origins", post("/", host, "origin: http://shop.test", "origin: http://bad.test")),
  ...["off", "shadow", "both", "by-key", "off-by-key", "direct"].map((path) =>
    c(`another origin on /${path}`, post(`/${path}`, host, "origin: http://bad.test")),
  ),
  c("this origin in the shadow", post("/shadow", host, "origin: http://shop.test")),
  c("no origin in the shadow", post("/shadow", host)),
  ...["http://friend.test", "https://A.GOOD.test/x", "http://abc.re.test:81", "http://abc.re.test", "friend.test"].map(
    (origin) => c(`an additional origin ${origin}`, post("/more", host, `origin: ${origin}`)),
  ),
  c("a referer of an additional origin", post("/more", host, "referer: http://friend.test/form")),
  c("a virtual host that is off", post("/", "host: lenient.test", "origin: http://bad.test")),
  c("a route that is on in it", post("/strict", "host: lenient.test", "origin: http://bad.test")),
  { name: "the stats of csrf", setup: "csrf", send: "", stats: "\\.csrf\\." },
];

function c(name: string, send: string): Case {
  return { name: `csrf: ${name}`, setup: "csrf", send };
}

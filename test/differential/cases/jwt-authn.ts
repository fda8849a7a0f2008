import { exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.jwt_authn";
const type = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.";
const issuer = "https://issuer.test";
const secret = new TextEncoder().encode("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
const now = Math.floor(Date.now() / 1000);

const pairOf = async (alg: string) => ({ alg, ...(await generateKeyPair(alg, { extractable: true })) });
const pairs = await Promise.all(["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"].map(pairOf));
const stranger = await pairOf("RS256");
const jwkOf = async ({ publicKey }: (typeof pairs)[number], more: Json) => ({
  ...(await exportJWK(publicKey)),
  ...more,
});
const keys: Json[] = [
  ...(await Promise.all(pairs.map((pair) => jwkOf(pair, { kid: pair.alg, alg: pair.alg, use: "sig" })))),
  { kty: "oct", kid: "HS256", alg: "HS256", k: Buffer.from(secret).toString("base64url") },
];
const jwks = (list: readonly unknown[]): Json => ({ local_jwks: { inline_string: JSON.stringify({ keys: list }) } });

interface Token {
  alg?: string;
  header?: Json;
  claims?: JWTPayload | Json;
  key?: Parameters<SignJWT["sign"]>[0];
}
const sign = ({ alg = "RS256", header = {}, claims = {}, key }: Token = {}): Promise<string> => {
  const signer = key ?? (alg.startsWith("HS") ? secret : pairs.find((pair) => pair.alg === alg)?.privateKey);
  if (signer === undefined) throw new Error(`no key for ${alg}`);
  return new SignJWT({ iss: issuer, sub: "ann", aud: "app", exp: now + 3600, ...claims } as JWTPayload)
    .setProtectedHeader({ alg, kid: alg, ...header } as JWTHeaderParameters)
    .sign(signer);
};
const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
/** A token put together by hand: whatever its parts say, its signature is that of another. */
const made = (header: unknown, payload: unknown, signature = "AAAA"): string =>
  `${encode(header)}.${encode(payload)}.${signature}`;

const good = await sign();
const tokens: Record<string, string> = {
  good,
  ...Object.fromEntries(
    await Promise.all(
      ["PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"].map(
        async (alg) => [`good ${alg}`, await sign({ alg })] as const,
      ),
    ),
  ),
  "no kid": await sign({ header: { kid: undefined } }),
  "another kid": await sign({ header: { kid: "other" } }),
  "the kid of another algorithm": await sign({ header: { kid: "ES256" } }),
  "a stranger's key": await sign({ key: stranger.privateKey }),
  "HS256 by the public key": await sign({
    alg: "HS256",
    header: { kid: "RS256" },
    key: new TextEncoder().encode(JSON.stringify(keys[0])),
  }),
  "alg none": made({ alg: "none" }, { iss: issuer }),
  "alg none, no signature": `${encode({ alg: "none" })}.${encode({ iss: issuer })}.`,
  "no alg": made({ kid: "a" }, { iss: issuer }),
  "alg a number": made({ alg: 5 }, { iss: issuer }),
  "kid a number": made({ alg: "RS256", kid: 5 }, { iss: issuer }),
  "unknown crit": await sign({ header: { typ: "JWT", cty: "x" } }),
  "header no base64": "a=.b.c",
  "header no JSON": made("{", {}),
  "header a list": made([1], {}),
  "header twice alg": made('{"alg":"RS256","alg":"RS256"}', {}),
  "payload no base64": `${encode({ alg: "RS256" })}.a+b.c`,
  "payload no JSON": made({ alg: "RS256" }, "x"),
  "signature no base64": `${encode({ alg: "RS256" })}.${encode({ iss: issuer, aud: "app" })}.a`,
  "two parts": "a.b",
  "four parts": "a.b.c.d",
  "an empty part": "a..c",
  "a bad character": good.replace(".", "!."),
  "iss a number": made({ alg: "RS256" }, { iss: 5 }),
  "sub a number": made({ alg: "RS256" }, { iss: issuer, sub: 5 }),
  "aud a number": made({ alg: "RS256" }, { iss: issuer, aud: 5 }),
  "aud a list with a number": made({ alg: "RS256" }, { iss: issuer, aud: ["app", 5] }),
  "exp a string": made({ alg: "RS256" }, { iss: issuer, exp: "5" }),
  "exp negative": made({ alg: "RS256" }, { iss: issuer, exp: -5 }),
  "exp huge": made({ alg: "RS256" }, { iss: issuer, exp: 1e30 }),
  "nbf a string": made({ alg: "RS256" }, { iss: issuer, nbf: "5" }),
  "iat a string": made({ alg: "RS256" }, { iss: issuer, iat: "5" }),
  "jti a number": made({ alg: "RS256" }, { iss: issuer, jti: 5 }),
  "exp a fraction": await sign({ claims: { exp: now + 3600.5 } }),
  "no exp": await sign({ claims: { exp: undefined } }),
  "expired long ago": await sign({ claims: { exp: now - 3600 } }),
  "expired 30 s ago": await sign({ claims: { exp: now - 30 } }),
  "expired 90 s ago": await sign({ claims: { exp: now - 90 } }),
  "nbf in 30 s": await sign({ claims: { nbf: now + 30 } }),
  "nbf in an hour": await sign({ claims: { nbf: now + 3600 } }),
  "another issuer": await sign({ claims: { iss: "https://other.test" } }),
  "no issuer": await sign({ claims: { iss: undefined } }),
  "another audience": await sign({ claims: { aud: "other" } }),
  "no audience": await sign({ claims: { aud: undefined } }),
  "several audiences": await sign({ claims: { aud: ["x", "app"] } }),
  "an audience with a slash": await sign({ claims: { aud: "https://app/" } }),
  "another subject": await sign({ claims: { sub: "bob" } }),
  "no subject": await sign({ claims: { sub: undefined } }),
};
const claims = await sign({
  claims: {
    scope: "read  write",
    n: 5,
    f: 1.5,
    b: true,
    z: false,
    list: ["a", 1],
    map: { k: "v" },
    tree: { deep: { er: "x" } },
    nothing: null,
    empty: "",
    "a.b": "dotted",
    text: "gr\u00fc\u00df",
  },
});

const provider = (more: Json = {}): Json => ({ issuer, audiences: ["app"], ...jwks(keys), ...more });
const filter = (config: Json): Json => ({ name, typed_config: { "@type": `${type}JwtAuthentication`, ...config } });
const needs = (prefix: string, requires: Json | null): Json => ({
  match: { prefix },
  ...(requires === null ? {} : { requires }),
});
const by = (provider_name: string): Json => ({ provider_name });
const any = (...requirements: Json[]): Json => ({ requires_any: { requirements } });
const every = (...requirements: Json[]): Json => ({ requires_all: { requirements } });
const missing: Json = { allow_missing: {} };
const failed: Json = { allow_missing_or_failed: {} };
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${type}PerRouteConfig`, ...config } },
});
const route = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const metadata: Json = {
  request_headers_to_add: [
    { header: { key: "x-metadata", value: "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%" } },
  ],
};

export const jwtAuthnSetups: Record<string, Setup> = {
  jwt: {
    filters: [
      filter({
        providers: { p: provider() },
        rules: [needs("/open", null), { match: { path: "/exact" }, requires: by("p") }, needs("/", by("p"))],
        bypass_cors_preflight: true,
      }),
    ],
  },
  jwtCache: {
    filters: [
      filter({
        providers: {
          p: provider({ jwt_cache_config: {} }),
          small: provider({ jwt_cache_config: { jwt_max_token_size: 100 } }),
        },
        rules: [needs("/small", by("small")), needs("/", by("p"))],
      }),
    ],
  },
  jwtTwoFields: { filters: [filter({ providers: { p: provider() }, rules: [needs("/", by("p"))] })] },
  jwtClaims: {
    filters: [
      filter({
        providers: {
          p: provider({
            forward: true,
            forward_payload_header: "X-Payload",
            pad_forward_payload_header: true,
            payload_in_metadata: "payload",
            header_in_metadata: "header",
            normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
            claim_to_headers: [
              "n",
              "f",
              "b",
              "z",
              "list",
              "map",
              "map.k",
              "tree.deep.er",
              "none",
              "nothing",
              "empty",
              "text",
              "a.b",
            ].map((claim_name) => ({ header_name: `x-${claim_name.replaceAll(".", "-")}`, claim_name })),
          }),
        },
        rules: [needs("/", by("p"))],
      }),
    ],
    routeConfig: metadata,
  },
  jwtPlaces: {
    filters: [
      filter({
        providers: {
          p: provider({
            from_headers: [{ name: "X-Token" }, { name: "X-Auth", value_prefix: "Token " }],
            from_params: ["t"],
            from_cookies: ["session"],
            forward_payload_header: "x-payload",
          }),
          other: { issuer: "https://other.test", ...jwks(keys), from_headers: [{ name: "x-other" }], forward: true },
        },
        rules: [needs("/any", any(by("p"), by("other"))), needs("/other", by("other")), needs("/", by("p"))],
      }),
    ],
  },
  jwtRequirements: {
    filters: [
      filter({
        providers: {
          p: provider({
            from_headers: [{ name: "x-p" }],
            forward_payload_header: "x-payload-p",
            failed_status_in_metadata: "failed_p",
          }),
          q: {
            issuer: "https://other.test",
            ...jwks(keys),
            from_headers: [{ name: "x-q" }],
            forward_payload_header: "x-payload-q",
            failed_status_in_metadata: "failed_q",
          },
        },
        rules: [
          needs("/any-missing", any(by("p"), missing)),
          needs("/any-failed", any(by("p"), failed)),
          needs("/any", any(by("p"), by("q"))),
          needs("/all", every(by("p"), by("q"))),
          needs("/nested", every(by("p"), any(by("q"), missing))),
          needs("/missing", missing),
          needs("/failed", failed),
          needs("/audiences", { provider_and_audiences: { provider_name: "p", audiences: ["mine"] } }),
          { match: { prefix: "/named" }, requirement_name: "r" },
          { match: { prefix: "/headers", headers: [{ name: "x-guard", present_match: true }] }, requires: by("p") },
        ],
        requirement_map: { r: by("p"), m: missing },
        strip_failure_response: false,
      }),
    ],
    routeConfig: metadata,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          route("/off", perRoute({ disabled: true })),
          route("/route-r", perRoute({ requirement_name: "r" })),
          route("/route-m", perRoute({ requirement_name: "m" })),
          route("/route-wrong", perRoute({ requirement_name: "wrong" })),
          route("/"),
        ],
      },
    ],
  },
  jwtStrict: {
    filters: [
      filter({
        providers: {
          subject: provider({ subjects: { prefix: "an" } }),
          expiry: { issuer: "https://expiry.test", ...jwks(keys), require_expiration: true },
          life: { issuer: "https://life.test", ...jwks(keys), max_lifetime: "2000s" },
          skew: { issuer: "https://skew.test", ...jwks(keys), clock_skew_seconds: 10 },
          nobody: { ...jwks(keys) },
          lost: {
            issuer: "https://lost.test",
            remote_jwks: { http_uri: { uri: "http://jwks.test/keys", cluster: "nowhere{lane}", timeout: "1s" } },
          },
        },
        rules: ["subject", "expiry", "life", "skew", "nobody", "lost"].map((one) => needs(`/${one}`, by(one))),
        strip_failure_response: true,
        stat_prefix: "mine",
      }),
    ],
  },
};

const bearer = (token: string): string => `authorization: Bearer ${token}`;
const ask = (title: string, setup: string, path: string, ...fields: string[]): Case => ({
  name: `jwt: ${title}`,
  setup,
  send: request(`GET ${path}`, ...fields),
});
const ofIssuer = (iss: string, more: Json = {}): Promise<string> => sign({ claims: { iss, ...more } });
const other = await ofIssuer("https://other.test");
const expired = tokens["expired long ago"] as string;
const strict: readonly (readonly [path: string, title: string, token: string])[] = [
  ["/subject", "a good subject", good],
  ["/subject", "another subject", tokens["another subject"] as string],
  ["/subject", "no subject", tokens["no subject"] as string],
  ["/expiry", "an expiry", await ofIssuer("https://expiry.test")],
  ["/expiry", "no expiry", await ofIssuer("https://expiry.test", { exp: undefined })],
  ["/life", "a short life", await ofIssuer("https://life.test", { exp: now + 1800, iat: now })],
  ["/life", "a long life", await ofIssuer("https://life.test")],
  ["/life", "no expiry and a limit", await ofIssuer("https://life.test", { exp: undefined })],
  ["/skew", "expired within the skew", await ofIssuer("https://skew.test", { exp: now - 2 })],
  ["/skew", "expired beyond the skew", await ofIssuer("https://skew.test", { exp: now - 300 })],
  ["/nobody", "any issuer", good],
  ["/nobody", "no issuer", tokens["no issuer"] as string],
  ["/lost", "keys that cannot be fetched", await ofIssuer("https://lost.test")],
];

export const jwtAuthnCases: Case[] = [
  ...Object.entries(tokens).map(([title, token]) => ask(title, "jwt", "/x", bearer(token))),
  ask("none", "jwt", "/x?a=b"),
  ask("a lower-case scheme", "jwt", "/", `authorization: bearer ${good}`),
  ask("no scheme", "jwt", "/", `authorization: ${good}`),
  ask("two fields", "jwtTwoFields", "/", bearer(good), bearer(good)),
  ask("text behind the token", "jwt", "/", `authorization: Bearer ${good} x`),
  ask("an empty token", "jwt", "/", "authorization: Bearer "),
  ask("a parameter", "jwt", `/x?a=1&access_token=${good}&b=2`),
  ask("a parameter among others that are not sorted", "jwt", `/x?z=%20y&b&access_token=${good}&a=1`),
  ask("a line's end in another parameter", "jwt", `/x?z=1%0d%0ax-evil:%20y&access_token=${good}`),
  ask("a parameter alone", "jwt", `/x?access_token=${good}`),
  ask("a bad parameter and a good field", "jwt", "/x?access_token=bad", bearer(good)),
  ask("an expired parameter and a bad field", "jwt", `/x?access_token=${expired}`, bearer("bad")),
  ask("no requirement", "jwt", "/open"),
  ask("an exact path", "jwt", "/exact?x"),
  ask("a long path", "jwt", `/${"p".repeat(300)}`),
  { name: "jwt: OPTIONS", setup: "jwt", send: request("OPTIONS /x") },
  {
    name: "jwt: a preflight",
    setup: "jwt",
    send: request("OPTIONS /x", "origin: http://a.test", "access-control-request-method: GET"),
  },
  {
    name: "jwt: a gRPC request",
    setup: "jwt",
    send: request("POST /a.B/C", "content-type: application/grpc", "content-length: 0"),
  },
  { name: "jwt: stats", setup: "jwt", send: "", stats: "jwt_authn" },
  ...["/", "/small"].map(
    (path): Case => ({
      name: `jwt: a token three times, ${path}`,
      setup: "jwtCache",
      send: [good, good, expired, good, "a.b.c"].map((token) => request(`GET ${path}`, bearer(token))),
    }),
  ),
  { name: "jwt: stats of the cache", setup: "jwtCache", send: "", stats: "jwt_cache" },
  ask("claims", "jwtClaims", "/", bearer(claims)),
  ask("claims that a client sends", "jwtClaims", "/", bearer(good), "x-n: mine", "x-payload: mine", "x-map-k: mine"),
  ...(
    [
      [`x-token: ${good}`],
      [`x-token: Bearer ${good}`],
      [`x-auth: Token ${good}`],
      [`x-auth: ${good}`],
      [`x-auth: Basic a, Token ${good}`],
      [`cookie: a=b; session=${good}; c=d`],
      [`cookie: session="${good}"`],
      [`authorization: Bearer ${good}`],
      [`x-token: bad`, `x-auth: Token ${good}`],
      [`x-token: ${good}`, `x-auth: Token ${good}`],
      [`x-other: ${good}`],
      [`x-token: ${other}`],
    ] as const
  ).map((fields) => ask(`at ${fields.map((field) => field.slice(0, 24)).join(" ")}`, "jwtPlaces", "/", ...fields)),
  ask("a parameter of its own", "jwtPlaces", `/?t=${good}&u=1`),
  ask("any of two, the second", "jwtPlaces", "/any", `x-other: ${other}`),
  ask("another provider's", "jwtPlaces", "/other", `x-other: ${other}`),
  ...[
    "/any",
    "/any-missing",
    "/any-failed",
    "/all",
    "/nested",
    "/missing",
    "/failed",
    "/named",
    "/headers",
    "/off",
    "/route-r",
    "/route-m",
    "/route-wrong",
    "/audiences",
    "/none",
  ].flatMap((path) => [
    ask(`${path} without a token`, "jwtRequirements", path),
    ask(`${path} with p`, "jwtRequirements", path, `x-p: ${good}`, "x-guard: 1"),
    ask(`${path} with q`, "jwtRequirements", path, `x-q: ${other}`),
    ask(`${path} with both`, "jwtRequirements", path, `x-p: ${good}`, `x-q: ${other}`),
    ask(`${path} with an expired one`, "jwtRequirements", path, `x-p: ${expired}`, "x-guard: 1"),
    ask(`${path} with an expired and a good one`, "jwtRequirements", path, `x-p: ${expired}`, `x-q: ${other}`),
    ask(`${path} with nonsense`, "jwtRequirements", path, "x-p: nonsense", "x-q: more"),
  ]),
  ask(
    "the audience of the requirement",
    "jwtRequirements",
    "/audiences",
    `x-p: ${await sign({ claims: { aud: "mine" } })}`,
  ),
  ...strict.map(([path, title, token]) => ask(`strict: ${title}`, "jwtStrict", path, bearer(token))),
  { name: "jwt: stats with a prefix", setup: "jwtStrict", send: "", stats: "jwt_authn" },
];

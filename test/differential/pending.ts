/**
 * What Nuncio does not do as Envoy yet, each with its reason: these cases must differ, and a case that no longer does fails
 * until it is taken off the list.
 */
export const pendingCases: Readonly<Record<string, string>> = {
  'the backend says "HTTP/3.0 200 OK\\r\\n\\r\\n"': "Nuncio takes a version that is not 1.x as a protocol error",
  "HTTP/2: a path with bytes over 0x7f": "visible ASCII only, as Envoy has it for HTTP/1.1",
  "HTTP/0.9 is refused": "Nuncio refuses HTTP/0.9 always",
};

/** Cases of h1-malformed.json by id. */
export const pendingMalformed: Readonly<Record<string, string>> = {
  "CH-09": "the request stays incomplete, as the case's own check asks and Envoy does it; the list wants a status",
  "RS-14": "70 KiB of response head pass, as Envoy's limit is 80; the strict list asks for less",
};

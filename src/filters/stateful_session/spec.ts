import type { CookieSpec } from "../../router/set-cookie.ts";

/** extensions.filters.http.stateful_session.v3.StatefulSession. */
export interface StatefulSessionSpec {
  /** null: nothing is kept. */
  state: SessionStateSpec | null;
  isStrict: boolean;
  /** Where a strict session's host is missing. */
  missingStatus: number;
  /** "": no stats. */
  statPrefix: string;
}

/** Where the host of a session is told. Names of fields are lower-case. */
export type SessionStateSpec =
  | { kind: "cookie"; cookie: CookieSpec; ttlSeconds: number }
  | { kind: "header"; name: string }
  | { kind: "envelope"; name: string };

/** What a route says; "off" turns the filter off. */
export type StatefulSessionRouteSpec = StatefulSessionSpec | "off";

/** The node of the bootstrap and the flags: its core.v3.Node as JSON, by the names of the fields. */
export interface NodeFacts {
  readonly id?: string;
  readonly cluster?: string;
  readonly metadata?: Record<string, unknown>;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string };
  readonly user_agent_name?: string;
}

/** What streams know of the listener that their connection came to. */
export interface ListenerFacts {
  readonly name: string;
  /** filter_metadata; null for none. */
  readonly metadata: Record<string, Record<string, unknown>> | null;
  /** A core.v3.TrafficDirection. */
  readonly direction: number;
  readonly node: NodeFacts;
}

/** What streams know of the host that was chosen. */
export interface HostFacts {
  /** filter_metadata; null for none. */
  readonly metadata: Record<string, Record<string, unknown>> | null;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
}

/** Of a stream that came to none. */
export const noListener: ListenerFacts = { name: "", metadata: null, direction: 0, node: {} };

/**
 * The way of a message as spans that other systems show beside their own: W3C Trace Context (https://www.w3.org/TR/trace-context/).
 * What records them is chosen at the start; where nothing does, nobody asks.
 */

/** The header of a request, or of a message in NATS, that names the span which it belongs to. */
export const TRACEPARENT = 'traceparent'

/** Version 00, as everybody may read it (section 3.2.2): a trace and a span, neither of them zero, and flags. */
const TRACEPARENT_TEXT = /^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/

export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  /** Of one byte; the lowest bit: it is recorded. */
  readonly flags: number
}

/** `undefined`: it is none, and whoever gave it is not told: a request is worth more than its trace (section 3.2.2). */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  const match = text === undefined ? null : TRACEPARENT_TEXT.exec(text)
  if (match === null) return undefined
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string]
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export function traceparentOf({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/**
 * `publish`: from the door to the answer; within it `append` to the log and `send` to the nodes. `deliver`, at each node with
 * subscribers: from there to the sockets. `forward`: a client's publish, at a backend, until it has answered.
 */
export type Step = 'publish' | 'append' | 'send' | 'deliver' | 'forward'

export type TraceAttributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface Span {
  /** For those that belong to it, here and on other nodes. */
  readonly traceparent: string
  /** Once. `error`: it failed. */
  end(attributes?: TraceAttributes, error?: unknown): void
}

export interface Tracing {
  /** `parent`: a `traceparent`; anything else begins a trace. `undefined`: this one is not recorded, nor what belongs to it. */
  begin(step: Step, parent: string | undefined, attributes: TraceAttributes): Span | undefined
}

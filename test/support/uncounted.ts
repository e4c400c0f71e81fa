/** Metrics of the rooms for tests that count nothing, or add what they count. */
import type { EdgeMetrics } from '../../src/edge/ports.ts'
import type { HubMetrics } from '../../src/hub/ports.ts'
import type { SessionMetrics } from '../../src/session/ports.ts'

const ignore = (): void => undefined

export const UNCOUNTED_HUB: HubMetrics = {
  fannedOut: ignore,
  logRead: ignore,
  ephemeralDropped: ignore,
  slow: ignore,
  replayed: ignore,
  gap: ignore,
  unacknowledged: ignore,
  reset: ignore,
  repair: ignore,
  tailGivenUp: ignore,
}

export const UNCOUNTED_SESSIONS: SessionMetrics = {
  connected: ignore,
  channelResumed: ignore,
  reauth: ignore,
  tokenChecked: ignore,
  errorSent: ignore,
  takenOver: ignore,
  limitHit: ignore,
  acknowledged: ignore,
  publishDenied: ignore,
}

export const UNCOUNTED_EDGE: EdgeMetrics = {
  bytesIn: ignore,
  bytesOut: ignore,
  frameIn: ignore,
  protocolError: ignore,
  refused: ignore,
  ephemeralDropped: ignore,
  limitHit: ignore,
}

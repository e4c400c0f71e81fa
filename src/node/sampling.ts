/**
 * The sample of clients that acknowledge what is written to them. Part of the composition.
 */
import type { Base } from './base.ts'
import { Probes } from '../session/probes.ts'
import type { Session } from '../session/session.ts'

const SWEEP_MS = 5000
const PAUSE_MS_MIN = 30_000
/** However many clients offer themselves, together they ask a node about ten times a second. */
const PAUSE_MS_PER_SESSION = 100

export interface Sampling {
  readonly probes: Probes<Session>
  close(): void
}

export function createSampling({ clock, metrics }: Base, sessions: () => number): Sampling {
  const probes = new Probes<Session>({
    now: () => clock.monotonicMs(),
    pauseMs: () => Math.max(PAUSE_MS_MIN, PAUSE_MS_PER_SESSION * sessions()),
    acknowledged: ({ connection }, seconds) => metrics.probeLatency[connection.transport].observe(seconds),
  })
  const timer = clock.every(SWEEP_MS, () => probes.sweep())
  return { probes, close: () => timer.cancel() }
}

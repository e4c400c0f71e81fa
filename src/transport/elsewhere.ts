/**
 * Where a client comes back, and when: what it opens at another node, by where the nodes of its region are reached
 * (`node.publicUrl`).
 */
import type { StreamContext } from './transport.ts'
import { jitter } from '../clock.ts'
import type { Closing } from '../errors.ts'
import type { WheelEntry } from '../wheel.ts'

/** `to`: `wss://host`, without a path. */
export function webSocketUrl(to: string, path: string): string {
  return `${to}${path}`
}

export function httpUrl(to: string, path: string): string {
  return `${to.replace(/^ws/, 'http')}${path}`
}

/** Drawn per client, so that those who lose a node together do not come back together. */
export function retryMs({ ports, options }: StreamContext, withinMs?: number): number {
  const { retryMinMs, retryMaxMs } = options
  return Math.round(
    withinMs === undefined ? jitter(ports.clock, retryMinMs, retryMaxMs) : jitter(ports.clock, 0, withinMs),
  )
}

/** What names a client to this node that is sent away from it; `undefined`: it has no session, or ends for another reason. */
export function departureOf(
  { why }: Pick<Closing, 'why'>,
  { ports }: StreamContext,
  session: { readonly id: string } | undefined,
): string | undefined {
  return session === undefined || why !== 'goingAway' ? undefined : ports.departureOf(session.id)
}

/** So that none is taken for dead, and not all write at once. */
export function scheduleHeartbeat(stream: WheelEntry, { ports, options }: StreamContext): void {
  const { sseHeartbeatMs } = options
  ports.wheel.schedule(stream, jitter(ports.clock, sseHeartbeatMs / 2, sseHeartbeatMs))
}

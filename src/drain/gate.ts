/**
 * Whether the rest of a cluster takes well what is sent to it, and how much more it can take. Pure.
 */
import type { ClusterMood } from './core.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** A node that has half its waiting room full is given time. */
const PRESSURE_MAX = 0.5

type Self = Pick<NodeInfo, 'region' | 'degraded'>

export interface MoodTerms {
  /** This node alone is not well. */
  readonly cutOff?: boolean
  /** Clients are sent to this region, and nowhere else. */
  readonly to?: string | undefined
}

export function moodOf(
  self: Self,
  others: readonly NodeInfo[],
  { cutOff = false, to }: MoodTerms = {},
): ClusterMood {
  const active = others.filter(({ state, role }) => state === 'active' && role !== 'api')
  if (active.length === 0) {
    const coming = others.some(({ state, role }) => state === 'starting' && role !== 'api')
    const mood = { ok: false, reason: 'no other node is active', room: 0 }
    return coming ? mood : { ...mood, alone: true }
  }
  const near = active.filter(({ region }) => region === (to ?? self.region))
  if (to !== undefined && near.length === 0)
    return { ok: false, reason: `no node of the region ${to} is active`, room: 0 }
  const takers = near.length > 0 ? near : active
  const room = { ...roomOf(takers), ...rateOf(takers, others) }
  const reason = whyUnwell(self, takers)
  const mood = { ok: reason === undefined, reason: reason ?? '', ...room }
  return cutOff && self.degraded.length > 0 ? { ...mood, cutOff } : mood
}

function whyUnwell(self: Self, takers: readonly NodeInfo[]): string | undefined {
  const [part] = self.degraded
  if (part !== undefined) return `the ${part} does not answer`
  for (const { id, pressure, degraded, connections, connectionsMax } of takers) {
    // A node at its limit says that nobody can come in: that is told by the room, and another may have some.
    const atLimit = connectionsMax !== undefined && connections >= connectionsMax
    if (pressure > PRESSURE_MAX && !atLimit) return `node ${id} queues connections`
    if (degraded.length > 0) return `node ${id} is without its ${degraded.join(', ')}`
  }
  return undefined
}

/** Those who are drained at the same time share what is offered. */
function rateOf(takers: readonly NodeInfo[], others: readonly NodeInfo[]): Pick<ClusterMood, 'rate'> {
  const offers = takers.flatMap((node) => node.offers ?? [])
  if (offers.length === 0) return {}
  const draining = 1 + others.filter(({ state }) => state === 'draining').length
  return { rate: offers.reduce((sum, perSecond) => sum + perSecond, 0) / draining }
}

function roomOf(takers: readonly NodeInfo[]): Pick<ClusterMood, 'room' | 'full'> {
  let room = 0
  let full: string | undefined
  for (const { id, connections, connectionsMax } of takers) {
    if (connectionsMax === undefined) return { room: Infinity }
    room += Math.max(0, connectionsMax - connections)
    full ??= `node ${id} is at its limit of ${connectionsMax} connections`
  }
  return full === undefined ? { room } : { room, full }
}

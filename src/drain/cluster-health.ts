/**
 * Whether the rest of a cluster takes well what is sent to it, and how much more it can take. Pure.
 */
import type { Capacity } from './core.ts'
import type { HoldReason } from './hold.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** A node that has half its waiting room full is given time. */
const PRESSURE_MAX = 0.5

type Self = Pick<NodeInfo, 'region' | 'degraded'>

export interface Leaving {
  /** Nodes that will send their clients away soon. */
  readonly nodes: ReadonlySet<string>
  /** This node is one of them: what it sends to another one of them is moved twice, so it waits for one that starts. */
  readonly together: boolean
}

export interface MoodTerms {
  /** This node alone is not well. */
  readonly cutOff?: boolean
  /** Clients are sent to this region, and nowhere else. */
  readonly to?: string | undefined
  readonly leaving?: Leaving
}

const NOBODY: Leaving = { nodes: new Set(), together: false }

export function capacityOf(
  self: Self,
  others: readonly NodeInfo[],
  { cutOff = false, to, leaving = NOBODY }: MoodTerms = {},
): Capacity {
  const all = others.filter(({ state, role }) => state === 'active' && role !== 'api')
  const staying = all.filter(({ id }) => !leaving.nodes.has(id))
  const coming = others.some(({ state, role }) => state === 'starting' && role !== 'api')
  // Nodes that are started again in their places come one after the other: who waited for the first would wait for ever.
  if (staying.length === 0 && all.length > 0 && leaving.together && coming)
    return { ...unwell('alone', 'all other nodes that are active are to be drained as well'), room: 0 }
  const active = staying.length > 0 ? staying : all
  if (active.length === 0) {
    const capacity = { ok: false, why: 'alone', reason: 'no other node is active', room: 0 } as const
    return coming ? capacity : { ...capacity, alone: true }
  }
  const near = active.filter(({ region }) => region === (to ?? self.region))
  if (to !== undefined && near.length === 0)
    return { ...unwell('alone', `no node of the region ${to} is active`), room: 0 }
  const takers = near.length > 0 ? near : active
  const room = { ...roomOf(takers), ...rateOf(takers, others) }
  const capacity = { ok: true, reason: '', ...whyUnwell(self, takers), ...room }
  return cutOff && self.degraded.length > 0 ? { ...capacity, cutOff } : capacity
}

type Unwell = Pick<Capacity, 'ok' | 'why' | 'reason'>

function unwell(why: HoldReason, reason: string): Unwell {
  return { ok: false, why, reason }
}

function whyUnwell(self: Self, takers: readonly NodeInfo[]): Unwell | undefined {
  const [part] = self.degraded
  if (part !== undefined) return unwell('unwell', `the ${part} does not answer`)
  for (const { id, pressure, degraded, connections, connectionsMax } of takers) {
    // A node at its limit says that nobody can come in: that is told by the room, and another may have some.
    const atLimit = connectionsMax !== undefined && connections >= connectionsMax
    if (pressure > PRESSURE_MAX && !atLimit) return unwell('queue', `node ${id} queues connections`)
    if (degraded.length > 0) return unwell('other_unwell', `node ${id} is without its ${degraded.join(', ')}`)
  }
  return undefined
}

/** Those who are drained at the same time share what is offered. */
function rateOf(takers: readonly NodeInfo[], others: readonly NodeInfo[]): Pick<Capacity, 'rate'> {
  const offers = takers.flatMap((node) => node.offers ?? [])
  if (offers.length === 0) return {}
  const draining = 1 + others.filter(({ state }) => state === 'draining').length
  return { rate: offers.reduce((sum, perSecond) => sum + perSecond, 0) / draining }
}

/** `full` names the one that has the least room. */
function roomOf(takers: readonly NodeInfo[]): Pick<Capacity, 'room' | 'full'> {
  let room = 0
  let leastLeft = Infinity
  let full: string | undefined
  for (const { id, connections, connectionsMax } of takers) {
    if (connectionsMax === undefined) return { room: Infinity }
    const left = Math.max(0, connectionsMax - connections)
    room += left
    if (left >= leastLeft) continue
    leastLeft = left
    full = `node ${id} is at its limit of ${connectionsMax} connections`
  }
  return full === undefined ? { room } : { room, full }
}

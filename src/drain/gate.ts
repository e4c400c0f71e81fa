/**
 * Whether the rest of a cluster takes well what is sent to it. Pure.
 */
import type { ClusterMood } from './core.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** A node that has half its waiting room full is given time. */
const PRESSURE_MAX = 0.5

type Self = Pick<NodeInfo, 'region' | 'degraded'>

export function moodOf(self: Self, others: readonly NodeInfo[]): ClusterMood {
  const active = others.filter(({ state, role }) => state === 'active' && role !== 'api')
  if (active.length === 0) {
    const coming = others.some(({ state, role }) => state === 'starting' && role !== 'api')
    const mood = unwell('no other node is active')
    return coming ? mood : { ...mood, alone: true }
  }
  const near = active.filter(({ region }) => region === self.region)
  const takers = near.length > 0 ? near : active
  const [part] = self.degraded
  if (part !== undefined) return unwell(`the ${part} does not answer`)
  for (const { id, pressure, degraded } of takers) {
    if (pressure > PRESSURE_MAX) return unwell(`node ${id} queues connections`)
    if (degraded.length > 0) return unwell(`node ${id} is without its ${degraded.join(', ')}`)
  }
  return { ok: true, reason: '' }
}

function unwell(reason: string): ClusterMood {
  return { ok: false, reason }
}

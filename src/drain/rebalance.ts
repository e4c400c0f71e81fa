/**
 * Which nodes have more clients than their share, how many they are to give away, and what becomes of it.
 */
import { SluiceError } from '../errors.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** A node that is this part over the average is left as it is. */
const TOLERANCE = 0.05

export interface Surplus {
  readonly node: NodeInfo
  readonly count: number
}

/** How many clients each node has over the average of its region. */
export function surplusOf(nodes: readonly NodeInfo[]): Surplus[] {
  const takers = nodes.filter(({ state, role }) => state === 'active' && role !== 'api')
  return takers.flatMap((node) => {
    const near = takers.filter(({ region }) => region === node.region)
    const average = near.reduce((sum, { connections }) => sum + connections, 0) / near.length
    const count = Math.floor(node.connections - average)
    return count > average * TOLERANCE ? [{ node, count }] : []
  })
}

/** A node that is being drained by now gives nothing away: its clients go anyhow. */
export function givenAway(begin: () => Promise<'gone' | 'cancelled'>): Promise<'gone' | 'cancelled'> {
  try {
    return begin()
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'bad_request') return Promise.resolve('cancelled')
    throw error
  }
}

/**
 * Which nodes have more clients than their share, and how many they are to give away. Pure.
 */
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

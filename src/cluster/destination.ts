/**
 * Where a drain that names a region sends its clients: what the nodes of that region say of themselves. Pure.
 */
import { SluiceError } from '../errors.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface Destination {
  readonly region: string
  /** Where clients reach it: `wss://host`, without a path. */
  readonly url: string
}

/** Fails with `bad_request` where clients could not be told how to get there. */
export function destinationIn(region: string, others: readonly NodeInfo[]): Destination {
  const there = others.filter((node) => node.region === region && node.role !== 'api')
  // By the most of them, so that one that is set up otherwise misleads nobody.
  const counts = new Map<string, number>()
  for (const { publicUrl } of there)
    if (publicUrl !== undefined) counts.set(publicUrl, (counts.get(publicUrl) ?? 0) + 1)
  const [found] = [...counts].toSorted(([a, nA], [b, nB]) => nB - nA || (a < b ? -1 : 1))
  if (found !== undefined) return { region, url: found[0] }
  const why =
    there.length === 0
      ? `there is no other node in it; other nodes are in: ${regionsOf(others)}`
      : 'none of its nodes says where clients reach it (node.publicUrl)'
  throw new SluiceError(
    'bad_request',
    `clients cannot be sent to the region ${JSON.stringify(region)}: ${why}`,
  )
}

function regionsOf(others: readonly NodeInfo[]): string {
  const regions = [...new Set(others.map((node) => node.region))].toSorted()
  return regions.length === 0 ? 'none' : regions.join(', ')
}

/** The latency of deliveries as nodes themselves count it: what plays the clients on the same machine is late itself. */
import type { FleetNode } from '../../../test/support/fleet.ts'

const LATENCY = 'sluice_delivery_latency_seconds_bucket'

export type Buckets = ReadonlyMap<number, number>

/** Of all deliveries of a node, from the moment when a publish was accepted to the write to the sockets. */
export async function latencyOf({ apiPort }: FleetNode): Promise<Buckets> {
  const page = await (await fetch(`http://127.0.0.1:${apiPort}/metrics`)).text()
  const buckets = new Map<number, number>()
  for (const line of page.split('\n')) {
    const [, bound, count] = /^(?:\w+)_bucket\{.*?le="([^"]+)".*?\} (\d+)$/.exec(line) ?? []
    if (bound === undefined || !line.startsWith(LATENCY)) continue
    buckets.set(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(count))
  }
  return buckets
}

/** Between two looks at all nodes; within a bucket as if its values were spread evenly. */
export function p99Ms(from: readonly Buckets[], to: readonly Buckets[]): number {
  const bounds = [...(to[0]?.keys() ?? [])]
  const counts = bounds.map((bound) =>
    to.reduce((sum, buckets, index) => sum + (buckets.get(bound) ?? 0) - (from[index]?.get(bound) ?? 0), 0),
  )
  const wanted = (counts.at(-1) ?? 0) * 0.99
  const index = counts.findIndex((count) => count >= wanted)
  const low = bounds[index - 1] ?? 0
  const below = counts[index - 1] ?? 0
  const share = (wanted - below) / Math.max(1, (counts[index] as number) - below)
  return (low + ((bounds[index] as number) - low) * share) * 1000
}

/** So many were written between two looks. */
export function deliveries(from: readonly Buckets[], to: readonly Buckets[]): number {
  const all = (looks: readonly Buckets[]): number =>
    looks.reduce((sum, buckets) => sum + (buckets.get(Number.POSITIVE_INFINITY) ?? 0), 0)
  return all(to) - all(from)
}

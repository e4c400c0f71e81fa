/**
 * Whose the bytes of a heap are: a snapshot of V8, by the class of each object, and by who holds it where it has no class. Pure.
 */

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[], ...unknown[]]
      readonly edge_fields: readonly string[]
      readonly edge_types: readonly [readonly string[], ...unknown[]]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly strings: readonly string[]
}

export interface Held {
  readonly count: number
  readonly bytes: number
}

/** By owner. */
export type HeapAccount = ReadonlyMap<string, Held>

/** An object of a class is its own owner; what V8 has for it (arrays, texts, numbers) is of the class that holds it, and of its field. */
export function accountOf(text: string): HeapAccount {
  const { snapshot, nodes, edges, strings } = JSON.parse(text) as Snapshot
  const { node_fields: nodeFields, node_types: nodeTypes } = snapshot.meta
  const { edge_fields: edgeFields, edge_types: edgeTypes } = snapshot.meta
  const nodeAt = (field: string): number => nodeFields.indexOf(field)
  const edgeAt = (field: string): number => edgeFields.indexOf(field)
  const width = nodeFields.length
  const [typeAt, nameAt, sizeAt, edgesAt] = ['type', 'name', 'self_size', 'edge_count'].map(nodeAt) as [
    number,
    number,
    number,
    number,
  ]
  const [edgeType, edgeName, edgeTo] = ['type', 'name_or_index', 'to_node'].map(edgeAt) as [
    number,
    number,
    number,
  ]
  /** The first who holds it by a name, and by which: weak edges hold nothing. */
  const holders = new Map<number, readonly [holder: number, by: string]>()
  let edge = 0
  for (let node = 0; node < nodes.length; node += width) {
    for (let left = nodes[node + edgesAt] as number; left > 0; left--, edge += edgeFields.length) {
      const kind = edgeTypes[0][edges[edge + edgeType] as number] as string
      if (kind === 'weak') continue
      const index = edges[edge + edgeName] as number
      const by = kind === 'element' || kind === 'hidden' ? '[]' : (strings[index] as string)
      const to = edges[edge + edgeTo] as number
      if (!holders.has(to)) holders.set(to, [node, by])
    }
  }
  const kindOf = (node: number): string => nodeTypes[0][nodes[node + typeAt] as number] as string
  const named = (node: number): string => strings[nodes[node + nameAt] as number] as string
  const ownerOf = (node: number): string => {
    const kind = kindOf(node)
    if (kind === 'object' && named(node) !== 'Object' && named(node) !== 'Array') return named(node)
    const shown = kind === 'object' ? named(node) : `(${kind})`
    const [holder, by] = holders.get(node) ?? []
    if (holder === undefined) return shown
    const above = kindOf(holder) === 'object' ? named(holder) : `(${kindOf(holder)} ${named(holder)})`
    return `${shown} ${above}.${by}`
  }
  const account = new Map<string, { count: number; bytes: number }>()
  for (let node = 0; node < nodes.length; node += width) {
    const owner = ownerOf(node)
    const held = account.get(owner) ?? { count: 0, bytes: 0 }
    held.count++
    held.bytes += nodes[node + sizeAt] as number
    account.set(owner, held)
  }
  return account
}

/** What has come since, the most bytes first. */
export function grownSince(before: HeapAccount, after: HeapAccount): readonly (Held & { owner: string })[] {
  return [...after]
    .map(([owner, { count, bytes }]) => {
      const earlier = before.get(owner)
      return { owner, count: count - (earlier?.count ?? 0), bytes: bytes - (earlier?.bytes ?? 0) }
    })
    .sort((a, b) => b.bytes - a.bytes)
}

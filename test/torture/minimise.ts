/** Finds out which parts of something that fails are needed for it to fail (delta debugging, Zeller and Hildebrandt 2002). Pure. */

export interface Minimised<Item> {
  /** It fails with these; where the tries were enough, it fails with none of them left out. */
  readonly items: readonly Item[]
  readonly tries: number
}

/**
 * `fails`: whether it fails with these alone, in their order. What fails by chance may not fail again: then more items stay than
 * would have to.
 */
export async function minimise<Item>(
  items: readonly Item[],
  fails: (some: readonly Item[]) => Promise<boolean>,
  triesMax: number,
): Promise<Minimised<Item>> {
  let left = [...items]
  let parts = 2
  let tries = 0
  search: while (left.length > 1 && tries < triesMax) {
    const chunks = split(left, parts)
    const without = chunks.map((chunk) => left.filter((item) => !chunk.includes(item)))
    // Of two halves each is what the other leaves.
    const candidates = parts === 2 ? chunks : [...chunks, ...without]
    for (const candidate of candidates) {
      if (tries === triesMax) break search
      tries++
      if (!(await fails(candidate))) continue
      parts = chunks.includes(candidate) ? 2 : Math.max(parts - 1, 2)
      left = candidate
      continue search
    }
    if (parts === left.length) break
    parts = Math.min(parts * 2, left.length)
  }
  return { items: left, tries }
}

function split<Item>(items: readonly Item[], parts: number): Item[][] {
  const chunks: Item[][] = []
  for (let part = 0, from = 0; part < parts; part++) {
    const to = Math.floor((items.length * (part + 1)) / parts)
    chunks.push(items.slice(from, to))
    from = to
  }
  return chunks
}

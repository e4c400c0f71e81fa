/**
 * Who has left is remembered for a while, because the word that another node has him may come later; and so is who has moved.
 */
const REMEMBERED_MAX = 50_000

export function take<T>(map: Map<string, T>, id: string): T | undefined {
  const found = map.get(id)
  map.delete(id)
  return found
}

/** Answers who has been forgotten for it. */
export function remember<T>(map: Map<string, T>, id: string, what: T): string | undefined {
  map.set(id, what)
  if (map.size <= REMEMBERED_MAX) return undefined
  const oldest = map.keys().next().value as string
  map.delete(oldest)
  return oldest
}

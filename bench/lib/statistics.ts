/** Middle and smallest of a few rounds. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) throw new Error('nothing was measured: the median of no rounds is asked for')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

export function smallest(values: readonly number[]): number {
  return Math.min(...values)
}

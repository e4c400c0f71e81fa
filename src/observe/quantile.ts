/**
 * A quantile of what was counted in buckets, as Prometheus estimates it: evenly spread within a bucket. Pure.
 */

/**
 * `counts` is of each bucket for itself, and has one more than `bounds`: of what is over all of them no more is known than the last
 * bound. `undefined`: nothing was counted.
 */
export function quantileOf(
  share: number,
  bounds: readonly number[],
  counts: readonly number[],
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  const rank = share * total
  let before = 0
  for (const [index, bound] of bounds.entries()) {
    const count = counts[index] ?? 0
    if (count > 0 && before + count >= rank) {
      const from = bounds[index - 1] ?? 0
      return from + ((bound - from) * (rank - before)) / count
    }
    before += count
  }
  return bounds.at(-1)
}

/**
 * The name that was probably meant. Pure.
 */

/** The nearest candidate, or nothing where none is near; case, `-` and `_` do not count. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(name)
  // One slip in three letters is still a slip; more is another word.
  let best: { readonly candidate: string; readonly distance: number } | undefined
  for (const candidate of candidates) {
    const known = plain(candidate)
    const distance = editDistance(wanted, known)
    const most = Math.floor(Math.max(wanted.length, known.length) / 3)
    if (distance <= most && distance < (best?.distance ?? Infinity)) {
      best = { candidate, distance }
    }
  }
  return best?.candidate
}

export function isSameName(one: string, other: string): boolean {
  return plain(one) === plain(other)
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_. ]/g, '')
}

/** Letters inserted, removed, replaced, or swapped with their neighbour. */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return at(last, other.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] as number
}

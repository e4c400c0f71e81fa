/**
 * Where the last entries of a subject begin in a stream that is read forwards only, by the number of entries from a place on: about
 * five questions where they are spread evenly, at most `SEARCH_STEPS_MAX`.
 */

/** Entries that may be read in vain, to save steps of the search. */
const SURPLUS_MAX = 64
const SEARCH_STEPS_MAX = 40

/**
 * A place from which on there are `count` entries or not many more; or the first one.
 * `bounds`: the first entry of the stream, and the last one of the subject.
 */
export async function startOf(
  { first, last }: { readonly first: number; readonly last: number },
  count: number,
  countFrom: (sequence: number) => Promise<number>,
): Promise<number> {
  let tooLate = last
  let found: number | undefined
  for (let step = 0, span = count; step < SEARCH_STEPS_MAX; step++, span *= 4) {
    const sequence =
      found === undefined ? Math.max(last - span + 1, first) : Math.floor((found + tooLate) / 2)
    const entries = await countFrom(sequence)
    if (entries < count && sequence > first) {
      tooLate = sequence
      if (found === undefined) continue
    } else {
      found = sequence
      if (entries <= count * 4 + SURPLUS_MAX) break
    }
    if (tooLate - found <= 1) break
  }
  return found ?? first
}

/**
 * Whether what a known sender has sealed is of now, and is seen for the first time. Pure. Asked only of what holds
 * (`seal.ts`): so only who knows the secret takes memory here.
 *
 * Each sender numbers what it sends, from 1 for each of its lives (an id of a node is new at each start), and says when it sent it.
 *
 *   W1 the same number of the same sender is `good` at most once
 *   W2 what was sent more than `ageMaxMs` ago, or ahead, by this clock is `clock`
 *   W3 a number that is more than `WINDOW` behind the sender's highest is `replayed`: nobody remembers whether it was seen
 *   W4 a sender of whom nothing can be fresh any more is forgotten
 */

/** The clocks of two nodes, and the time that something is on its way, may differ by this. */
export const AGE_MAX_MS = 60_000
/** How far what one node sends may overtake: it comes over several subjects, or several connections. */
export const WINDOW = 1024
const WORD_BITS = 32

export type Freshness = 'good' | 'clock' | 'replayed'

interface Sender {
  highest: number
  /** By this clock nothing that was seen can be fresh after that moment. */
  staleAfterMs: number
  /** The last `WINDOW` numbers up to the highest, as bits of a ring. */
  readonly seen: Uint32Array
}

export class FreshnessWindow {
  readonly #ageMaxMs: number
  readonly #senders = new Map<string, Sender>()

  constructor(ageMaxMs = AGE_MAX_MS) {
    this.#ageMaxMs = ageMaxMs
  }

  /** The senders that are remembered. */
  get size(): number {
    return this.#senders.size
  }

  judge(sender: string, number: number, sentMs: number, nowMs: number): Freshness {
    if (!(Math.abs(nowMs - sentMs) <= this.#ageMaxMs)) return 'clock'
    if (!Number.isSafeInteger(number) || number < 1) return 'replayed'
    const known = this.#senders.get(sender) ?? this.#meet(sender, nowMs)
    if (number <= known.highest - WINDOW) return 'replayed'
    if (number > known.highest) advance(known, number)
    else if (isSeen(known.seen, number)) return 'replayed'
    mark(known.seen, number)
    known.staleAfterMs = Math.max(known.staleAfterMs, sentMs + this.#ageMaxMs)
    return 'good'
  }

  #meet(sender: string, nowMs: number): Sender {
    for (const [id, { staleAfterMs }] of this.#senders) if (staleAfterMs < nowMs) this.#senders.delete(id)
    const met = { highest: 0, staleAfterMs: -Infinity, seen: new Uint32Array(WINDOW / WORD_BITS) }
    this.#senders.set(sender, met)
    return met
  }
}

/** The places of the numbers between the old highest and the new one are of numbers that are behind the window now. */
function advance(sender: Sender, number: number): void {
  if (number - sender.highest >= WINDOW) sender.seen.fill(0)
  else for (let passed = sender.highest + 1; passed <= number; passed++) unmark(sender.seen, passed)
  sender.highest = number
}

function isSeen(seen: Uint32Array, number: number): boolean {
  const place = number % WINDOW
  return (((seen[place >>> 5] as number) >>> (place & 31)) & 1) === 1
}

function mark(seen: Uint32Array, number: number): void {
  const place = number % WINDOW
  seen[place >>> 5] = (seen[place >>> 5] as number) | (1 << (place & 31))
}

function unmark(seen: Uint32Array, number: number): void {
  const place = number % WINDOW
  seen[place >>> 5] = (seen[place >>> 5] as number) & ~(1 << (place & 31))
}

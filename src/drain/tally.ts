/**
 * What became of those who were told, by transport: only a WebSocket can have two connections at a time, so the others'
 * gaps would hide its own. Pure.
 */
import { GapSamples, type Gaps } from './gaps.ts'
import type { TransportName } from '../protocol/transport-name.ts'

export interface Counts {
  readonly told: number
  /** Another node has them, by its own word. */
  readonly moved: number
  /** Of those, who went on where they were in every channel: nothing is missing. */
  readonly resumed: number
  /** Did not move in time, were closed, and are not known to be elsewhere. */
  readonly forced: number
  /** Were closed, and came back to another node by themselves: they know close codes alone. Of those moved. */
  readonly returned: number
  /** Told, gone, and not heard of. */
  readonly unseen: number
  /** Messages that those who moved had to catch up on. */
  readonly replayed: number
  /** Of those, the messages to who still had his connection here: both carried them, and the client drops one copy. */
  readonly overlapped: number
}

export interface TransportCounts extends Counts {
  /** How long those who moved were without a connection. Absent where nobody has moved yet. */
  readonly gaps?: Gaps
}

export const NOTHING: Counts = {
  told: 0,
  moved: 0,
  resumed: 0,
  forced: 0,
  returned: 0,
  unseen: 0,
  replayed: 0,
  overlapped: 0,
}

export class Tally {
  readonly #all = { ...NOTHING, gaps: new GapSamples() }
  readonly #of = new Map<TransportName, { -readonly [Name in keyof Counts]: number } & { gaps: GapSamples }>()

  add(transport: TransportName, what: keyof Counts, count = 1): void {
    for (const counts of this.#both(transport)) (counts as Record<keyof Counts, number>)[what] += count
  }

  gap(transport: TransportName, gapMs: number): void {
    for (const { gaps } of this.#both(transport)) gaps.add(gapMs)
  }

  get all(): TransportCounts {
    return shown(this.#all)
  }

  /** Only those of whom somebody was told. */
  get byTransport(): Readonly<Partial<Record<TransportName, TransportCounts>>> {
    return Object.fromEntries([...this.#of].map(([transport, counts]) => [transport, shown(counts)]))
  }

  #both(transport: TransportName): readonly (Counts & { gaps: GapSamples })[] {
    let own = this.#of.get(transport)
    if (own === undefined) this.#of.set(transport, (own = { ...NOTHING, gaps: new GapSamples() }))
    return [this.#all, own]
  }
}

function shown({ gaps: samples, ...counts }: Counts & { gaps: GapSamples }): TransportCounts {
  const gaps = samples.summary
  return { ...counts, ...(gaps === undefined ? {} : { gaps }) }
}

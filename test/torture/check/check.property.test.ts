import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../fuzz/random.ts'
import type { HistoryEvent } from '../history.ts'
import { check } from './check.ts'
import { CorrectHistory } from './correct-history.ts'

const OPTIONS = { endsDurableLogs: () => false }
type Of<Kind extends HistoryEvent['kind']> = Extract<HistoryEvent, { readonly kind: Kind }>

/** What a wrong gateway would have done to a history that was right, or nothing where it has no place for that. */
type Planted = (events: readonly HistoryEvent[], random: Random) => HistoryEvent[] | undefined

function places<Kind extends HistoryEvent['kind']>(
  events: readonly HistoryEvent[],
  kind: Kind,
  fits: (event: Of<Kind>, index: number) => boolean,
): number[] {
  return events.flatMap((event, index) =>
    event.kind === kind && fits(event as Of<Kind>, index) ? [index] : [],
  )
}

function sameReader(one: HistoryEvent, { client, channel }: Of<'shown'> | Of<'reset'>): boolean {
  return (one.kind === 'shown' || one.kind === 'reset') && one.client === client && one.channel === channel
}

/** The next thing that the same client was told of the same channel. */
function nextOf(events: readonly HistoryEvent[], index: number): number {
  const event = events[index] as Of<'shown'>
  return events.findIndex((other, at) => at > index && sameReader(other, event))
}

function confirmed(events: readonly HistoryEvent[], message: number): boolean {
  return events.some((event) => event.kind === 'confirmed' && event.message === message)
}

const PLANTED: Readonly<Record<string, Planted>> = {
  'a lost message'(events, random) {
    // One that no reset behind it would cover.
    const found = places(events, 'shown', (event, index) => {
      const next = events[nextOf(events, index)]
      return confirmed(events, event.message) && next?.kind !== 'reset'
    })
    return found.length === 0 ? undefined : events.toSpliced(random.pick(found), 1)
  },
  'a repeat'(events, random) {
    const found = places(events, 'shown', () => true)
    if (found.length === 0) return undefined
    const index = random.pick(found)
    return events.toSpliced(index, 0, events[index] as HistoryEvent)
  },
  'a swap'(events, random) {
    const found = places(events, 'shown', (_, index) => events[nextOf(events, index)]?.kind === 'shown')
    if (found.length === 0) return undefined
    const index = random.pick(found)
    const next = nextOf(events, index)
    const swapped = [...events]
    swapped[index] = { ...(events[next] as Of<'shown'>), at: index }
    swapped[next] = { ...(events[index] as Of<'shown'>), at: next }
    return swapped
  },
  'an uncovered hole'(events, random) {
    // A reset that stood for something: without it nobody would know.
    const found = places(events, 'reset', (reset, index) => {
      const before = events.slice(0, index).findLast((other) => sameReader(other, reset)) as
        Of<'shown'> | undefined
      const start = events.find(
        (other) => other.kind === 'start' && other.client === reset.client && other.channel === reset.channel,
      ) as Of<'start'>
      const from = before ?? start
      const skipped = events.some(
        (other) =>
          other.kind === 'confirmed' &&
          other.channel === reset.channel &&
          other.epoch === reset.epoch &&
          other.offset > from.offset &&
          other.offset <= reset.offset,
      )
      // Where an old log and a new one are equally long, and the client does not say which it reads, nothing shows.
      const shows = from.epoch === reset.epoch || from.offset !== reset.offset
      // Another reset behind it, with nothing between them, would cover the same.
      const next = events[nextOf(events, index)]
      return skipped && shows && next?.kind === 'shown'
    })
    return found.length === 0 ? undefined : events.toSpliced(random.pick(found), 1)
  },
  'a wrong user'(events, random) {
    const found = places(events, 'shown', ({ channel }) => channel.startsWith('@'))
    if (found.length === 0) return undefined
    const index = random.pick(found)
    const event = events[index] as Of<'shown'>
    const other = events.find((one) => one.kind === 'client' && !one.channels.includes(event.channel))
    return events.toSpliced(index, 0, { ...event, client: (other as Of<'client'>).client })
  },
  'a message at a wrong place'(events, random) {
    const found = places(events, 'shown', ({ message }) => confirmed(events, message))
    if (found.length === 0) return undefined
    const index = random.pick(found)
    const event = events[index] as Of<'shown'>
    return events.with(index, { ...event, offset: event.offset + 1 })
  },
  'a publish that is stored twice'(events, random) {
    const found = places(events, 'confirmed', () => true)
    const index = random.pick(found)
    const event = events[index] as Of<'confirmed'>
    return events.toSpliced(index + 1, 0, { ...event, offset: event.offset + 1 })
  },
  'a log that lacks a message'(events, random) {
    const found = places(events, 'log', ({ entries }) => entries.length > 2)
    if (found.length === 0) return undefined
    const index = random.pick(found)
    const event = events[index] as Of<'log'>
    const inside = event.entries.slice(1).filter(([, message]) => confirmed(events, message))
    const gone = random.pick(inside)
    return events.with(index, { ...event, entries: event.entries.filter((entry) => entry !== gone) })
  },
}

describe('the checker', () => {
  it('finds nothing in random histories in which nothing is wrong', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(check(new CorrectHistory(new Random(seed)).events(), OPTIONS)).toEqual([])
      }),
    )
  })

  it.each(Object.keys(PLANTED))('finds %s, planted anywhere into a random history', (name) => {
    let planted = 0
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed)
        const events = (PLANTED[name] as Planted)(new CorrectHistory(random).events(), random)
        if (events === undefined) return
        planted++
        expect(check(events, OPTIONS)).not.toEqual([])
      }),
    )
    // A history may have no place for it; that none had would prove nothing.
    expect(planted).toBeGreaterThan(10)
  })
})

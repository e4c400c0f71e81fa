import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Change, Entry, WebhookStore } from '../../src/webhooks/store.ts'

/** A store and two of its clients, as two nodes have them. */
export interface WebhookStoreFixture {
  readonly one: WebhookStore
  readonly other: WebhookStore
  /** Lets time pass for the store: on its own clock, or by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const GRACE_MS = 60
const BACKLOG = 1000

export function describeWebhookStore(
  name: string,
  open: (options: { readonly backlog: number }) => Promise<WebhookStoreFixture>,
): void {
  let fixture: WebhookStoreFixture
  let place = ''

  const fresh = (): string => randomBytes(6).toString('hex')
  const holds = (key: string): Change => ({ key, held: true, graceMs: 0 })
  const letsGo = (key: string, graceMs = GRACE_MS): Change => ({ key, held: false, graceMs })

  /** What has become an entry since this was asked last. */
  async function said(): Promise<string[]> {
    const entries = await fixture.other.read('events', place, BACKLOG)
    place = entries.at(-1)?.place ?? place
    return entries.map(shown)
  }

  function shown({ what }: Entry): string {
    return 'text' in what ? what.text : `${what.held ? '+' : '-'}${what.key}`
  }

  /** Until something has ended, or time enough for it has passed. */
  async function tendedFor(ms: number): Promise<void> {
    for (let passed = 0; passed <= ms; passed += 20) {
      await fixture.one.tend('nobody', 0)
      await fixture.advance(20)
    }
    await fixture.one.tend('nobody', 0)
  }

  describe(`${name} keeps the contract of a store of webhooks`, () => {
    beforeAll(async () => {
      fixture = await open({ backlog: BACKLOG })
    })
    afterAll(() => fixture.close())

    it('H1 H2 what several nodes hold begins once and ends once, after the last one has let it go', async () => {
      const [key, a, b] = [`o\n${fresh()}`, fresh(), fresh()]
      expect(await fixture.one.report(a, { after: 0, version: 1, changes: [holds(key)] })).toBe(true)
      expect(await fixture.other.report(b, { after: 0, version: 1, changes: [holds(key)] })).toBe(true)
      expect(await fixture.one.report(a, { after: 1, version: 2, changes: [holds(key)] })).toBe(true)
      expect(await said()).toEqual([`+${key}`])
      await fixture.one.report(a, { after: 2, version: 3, changes: [letsGo(key, 0)] })
      await tendedFor(20)
      expect(await said()).toEqual([])
      await fixture.other.report(b, { after: 1, version: 2, changes: [letsGo(key), letsGo('o\nnever held')] })
      expect(await said()).toEqual([])
      await tendedFor(GRACE_MS)
      expect(await said()).toEqual([`-${key}`])
      await tendedFor(GRACE_MS)
      expect(await said()).toEqual([])
    })

    it('H2 who comes back within the grace, at whichever node, makes no entry', async () => {
      const [key, a, b] = [`m\n${fresh()}\nalice`, fresh(), fresh()]
      await fixture.one.report(a, { after: 0, version: 1, changes: [holds(key)] })
      await said()
      await fixture.one.report(a, { after: 1, version: 2, changes: [letsGo(key, 10_000)] })
      await fixture.other.report(b, { after: 0, version: 1, changes: [holds(key)] })
      await tendedFor(GRACE_MS)
      expect(await said()).toEqual([])
      await fixture.other.bury(b, 0)
      await tendedFor(0)
      expect(await said()).toEqual([`-${key}`])
    })

    it('H2 what ends in one moment ends in the order of the names', async () => {
      const [channel, node] = [fresh(), fresh()]
      const keys = [`o\n${channel}`, `m\n${channel}\nbob`, `m\n${channel}\nalice`]
      await fixture.one.report(node, { after: 0, version: 1, changes: keys.map(holds) })
      expect(await said()).toEqual(keys.map((key) => `+${key}`))
      await fixture.one.report(node, { after: 1, version: 2, changes: keys.map((key) => letsGo(key)) })
      await tendedFor(GRACE_MS)
      expect(await said()).toEqual(keys.toSorted().map((key) => `-${key}`))
    })

    it('H3 a report that does not follow changes nothing, and tend tells the node', async () => {
      const [key, node] = [`o\n${fresh()}`, fresh()]
      expect(await fixture.one.tend(node, 0)).toBe(true)
      expect(await fixture.one.report(node, { after: 7, version: 8, changes: [holds(key)] })).toBe(false)
      await fixture.one.report(node, { after: 0, version: 8, changes: [] })
      expect(await fixture.one.report(node, { after: 7, version: 9, changes: [holds(key)] })).toBe(false)
      expect(await said()).toEqual([])
      expect([await fixture.other.tend(node, 7), await fixture.other.tend(node, 8)]).toEqual([false, true])
      await fixture.other.bury(node, 0)
      expect(await fixture.one.tend(node, 8)).toBe(false)
    })

    it('H4 a node that has died is taken out by several others at once, and what it held ends once', async () => {
      const [dead, alive] = [fresh(), fresh()]
      const keys = Array.from({ length: 700 }, (_, i) => `o\n${dead}-${i}`)
      const [shared, ...own] = keys as [string, ...string[]]
      await fixture.one.report(dead, { after: 0, version: 1, changes: keys.map(holds) })
      await fixture.one.report(alive, { after: 0, version: 1, changes: [holds(shared)] })
      expect(await said()).toHaveLength(700)
      expect(await fixture.one.nodes()).toEqual(expect.arrayContaining([dead, alive]))
      await Promise.all([fixture.one, fixture.other, fixture.one].map((store) => store.bury(dead, 0)))
      expect(await fixture.other.nodes()).not.toContain(dead)
      await tendedFor(0)
      await tendedFor(0)
      expect((await said()).toSorted()).toEqual(own.map((key) => `-${key}`).toSorted())
      await fixture.one.bury(alive, 0)
      await tendedFor(0)
      expect(await said()).toEqual([`-${shared}`])
    })

    it('H6 entries are read from a place on, numbered, and not any more once they were trimmed', async () => {
      const texts = Array.from({ length: 5 }, () => fresh())
      const before = await fixture.one.end('unsettled')
      await fixture.one.note(
        'unsettled',
        texts.map((text) => ({ text })),
      )
      const all = await fixture.other.read('unsettled', before.place, 10)
      expect(all.map(shown)).toEqual(texts)
      expect(all.map(({ number }) => number - before.number)).toEqual([1, 2, 3, 4, 5])
      for (const { atMs } of all) expect(atMs).toBeGreaterThan(1_000_000)
      const [first, second, third] = all as [Entry, Entry, Entry]
      expect((await fixture.one.read('unsettled', first.place, 1)).map(shown)).toEqual([texts[1]])
      await fixture.one.trim('unsettled', second.place)
      expect((await fixture.one.read('unsettled', '', 10)).map(shown)).toEqual(texts.slice(2))
      const end = await fixture.other.end('unsettled')
      expect(end).toEqual({ place: all.at(-1)?.place, number: all.at(-1)?.number })
      await fixture.one.trim('unsettled', end.place)
      expect(await fixture.one.read('unsettled', third.place, 10)).toEqual([])
      expect(await fixture.one.end('unsettled')).toEqual(end)
      await fixture.one.note('unsettled', [{ text: 'next' }])
      expect((await fixture.one.read('unsettled', end.place, 10)).map(({ number }) => number)).toEqual([
        end.number + 1,
      ])
    })

    it('H7 what is to be noted once is, by whichever node, and again when its time is over', async () => {
      const once = { name: fresh(), forMs: 100 }
      await said()
      await fixture.one.note('events', [{ text: 'a', once }, { text: 'b' }])
      await fixture.other.note('events', [{ text: 'c', once }])
      expect(await said()).toEqual(['a', 'b'])
      await fixture.advance(150)
      await fixture.other.note('events', [{ text: 'd', once }])
      expect(await said()).toEqual(['d'])
    })

    it('H8 cursors stay, and a dead letter is taken by one', async () => {
      expect(await fixture.one.cursors('events')).toEqual(new Map())
      await fixture.one.moveCursor('events', 'shop', 'here')
      await fixture.one.moveCursor('events', 'shop', 'there')
      expect(await fixture.other.cursors('events')).toEqual(new Map([['shop', 'there']]))
      expect([await fixture.one.dead(10), await fixture.one.deadCount()]).toEqual([[], 0])
      await fixture.one.addDead('x')
      await fixture.one.addDead('y')
      const letters = await fixture.other.dead(10)
      expect(letters.map(({ text }) => text)).toEqual(['x', 'y'])
      const id = letters[0]?.id ?? ''
      const taken = await Promise.all([fixture.one.takeDead(id), fixture.other.takeDead(id)])
      expect(taken.toSorted()).toEqual(['x', undefined])
      expect(await fixture.one.deadCount()).toBe(1)
      expect(await fixture.one.takeDead('no id; of anything')).toBeUndefined()
    })
  })
}

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Occupancy } from '../../../src/occupancy/occupancy.ts'
import { pageOf, partIn, partOf, questionIn, type Question } from '../../../src/occupancy/question.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const names = fc.constantFrom('a:1', 'a:2', 'a:20', 'a:3', 'b:1', 'b:2')
const node = fc.dictionary(names, fc.integer({ min: 1, max: 5 }))

it('O1, O2: pages one after the other have each occupied channel once, with all who are on it', () => {
  fc.assert(
    fc.property(
      fc.array(node, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (nodes, limit) => {
        const seen: [string, number][] = []
        let after: string | undefined = ''
        for (let turns = 0; after !== undefined; turns++) {
          expect(turns).toBeLessThan(20)
          const question: Question = { prefix: 'a:', after, limit }
          const page = pageOf(
            nodes.map((one) => partOf(question, Object.entries(one))),
            limit,
          )
          seen.push(...page.counts)
          expect(page.counts.size).toBeLessThanOrEqual(limit)
          after = page.next
        }
        const sums = new Map<string, number>()
        for (const one of nodes)
          for (const [name, count] of Object.entries(one))
            if (name.startsWith('a:')) sums.set(name, (sums.get(name) ?? 0) + count)
        expect(seen).toEqual([...sums].toSorted(([one], [other]) => (one < other ? -1 : 1)))
      },
    ),
  )
})

it('what comes from another node is read, and anything else is none', () => {
  const questions: Question[] = [{ of: ['a'] }, { prefix: 'a', after: '', limit: 5 }]
  for (const question of questions)
    expect(questionIn(JSON.parse(JSON.stringify(question)) as Record<string, unknown>)).toEqual(question)
  expect(questionIn({ prefix: 1 })).toBeUndefined()
  expect(partIn({ counts: [['a', 1], ['b'], 7, null], more: true })).toEqual({
    counts: [['a', 1]],
    more: true,
  })
  expect(partIn({})).toBeUndefined()
})

class World {
  readonly clock = new ManualClock()
  /** By node; one without channels does not answer. */
  readonly nodes: Record<string, Record<string, number> | undefined> = {
    n2: { news: 2 },
    n3: { news: 3, old: 1 },
  }
  readonly occupancy: Occupancy = new Occupancy({
    nodeId: 'n1',
    clock: this.clock,
    local: () => Object.entries({ news: 1 }),
    localOf: (channel) => (channel === 'news' ? 1 : 0),
    others: () => Object.keys(this.nodes),
    ask: (number, question) => {
      // It hears its own question as well.
      this.occupancy.asked('n1', number, question)
      for (const [name, channels] of Object.entries(this.nodes))
        if (channels !== undefined)
          this.occupancy.answered(name, number, partOf(question, Object.entries(channels)))
    },
    answer: () => expect.unreachable('it has asked itself'),
  })
}

it('counts the connections of all nodes', async () => {
  const { occupancy } = new World()
  expect(await occupancy.count(['news', 'none'])).toEqual(new Map([['news', 6]]))
  expect(await occupancy.all('')).toEqual(
    new Map([
      ['news', 6],
      ['old', 1],
    ]),
  )
})

it('does not wait for a node that has died longer than for one that hangs, and counts the others', async () => {
  const world = new World()
  world.nodes['n3'] = undefined
  const counted = world.occupancy.count(['news'])
  world.clock.pass(1000)
  expect(await counted).toEqual(new Map([['news', 3]]))
})

it('gives nobody up because it was held up itself: what came meanwhile is read behind the timers', async () => {
  const world = new World()
  const { n3 } = world.nodes
  world.nodes['n3'] = undefined
  const counted = world.occupancy.count(['news'])
  // However late it is: one timer and whatever follows from it, and then the sockets.
  world.clock.fallBehind()
  for (let turns = 0; turns < 10; turns++) await Promise.resolve()
  world.occupancy.answered('n3', 1, partOf({ of: ['news'] }, Object.entries(n3 as Record<string, number>)))
  expect(await counted).toEqual(new Map([['news', 6]]))
  expect(world.clock.timers).toBe(0)
})

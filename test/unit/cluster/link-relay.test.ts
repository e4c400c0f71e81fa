import { expect, it } from 'vitest'
import { linkWordIn, LinkRelay, type LinkRequest, type LinkWord } from '../../../src/cluster/link-relay.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const REQUEST: LinkRequest = { link: 'b.secret.seal', kind: 'frames', number: 1, body: '{"type":"ping"}' }

/** Two nodes, and what each has said to the other. */
function nodes(): {
  a: LinkRelay
  b: LinkRelay
  clock: ManualClock
  lost: { words: boolean }
  told: LinkWord[]
} {
  const clock = new ManualClock()
  const lost = { words: false }
  const told: LinkWord[] = []
  const relays = new Map<string, LinkRelay>()
  const make = (name: string): LinkRelay =>
    new LinkRelay({
      clock,
      tell(node, word) {
        told.push(word)
        // As over the wire.
        const heard = linkWordIn(JSON.parse(JSON.stringify(word)) as Record<string, unknown>)
        if (lost.words || heard === undefined) return
        if (heard.kind === 'linkAsk') relays.get(node)?.asked(name, heard.number, heard.request)
        else relays.get(node)?.answered(heard.number, heard)
      },
      isThere: (node) => relays.has(node),
      serve: ({ body }) => Promise.resolve({ status: 200, body: `${name} has ${body}` }),
      failed: (_what, error) => {
        throw error
      },
    })
  const a = make('a')
  const b = make('b')
  relays.set('a', a).set('b', b)
  return { a, b, clock, lost, told }
}

it('the node that holds the link answers', async () => {
  const { a } = nodes()
  expect(await a.ask('b', REQUEST, 5000)).toMatchObject({ status: 200, body: 'b has {"type":"ping"}' })
})

it('a node that is not in the table is not asked: the link has ended', async () => {
  const { a, told } = nodes()
  expect(await a.ask('gone', REQUEST, 5000)).toMatchObject({ status: 404 })
  expect(told).toEqual([])
})

it('a node that does not answer in time is away, and what it says later is nothing', async () => {
  const { a, clock, lost, told } = nodes()
  lost.words = true
  const answer = a.ask('b', REQUEST, 5000)
  clock.pass(5000)
  expect(await answer).toMatchObject({ status: 503 })
  a.answered((told[0] as LinkWord).number, { status: 200, body: 'late' })
})

it('what NATS would not carry is refused with what to do', async () => {
  const { a, told } = nodes()
  const answer = await a.ask('b', { ...REQUEST, body: 'x'.repeat(200_000) }, 5000)
  expect(answer.status).toBe(413)
  expect(answer.body).toMatch(/balancer/)
  expect(told).toEqual([])
})

it.each([
  {},
  { kind: 'linkAsk', number: 1 },
  { kind: 'linkAsk', number: 1, request: { ...REQUEST, kind: 'dance' } },
  { kind: 'linkAsk', number: 1, request: { ...REQUEST, body: 7 } },
  { kind: 'linkAnswer', number: 1, status: 302, body: '' },
  { kind: 'linkAnswer', number: 'x', status: 200, body: '' },
])('%j is no word', (said) => {
  expect(linkWordIn(said)).toBe(undefined)
})

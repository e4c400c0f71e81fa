import { beforeEach, describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { Happening, Kind } from '../../../src/webhooks/happening.ts'
import { Lease } from '../../../src/webhooks/lease.ts'
import { Letters } from '../../../src/webhooks/letters.ts'
import { MemoryWebhookStore } from '../../../src/webhooks/memory.ts'
import type { WebhookStore } from '../../../src/webhooks/store.ts'
import { isWanted, type Sent } from '../../../src/webhooks/target.ts'
import { Webhooks } from '../../../src/webhooks/webhooks.ts'
import { signed, written } from '../../../src/webhooks/words.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const GRACE_MS = 3_000
const MOVING_MS = 30_000
const GIVE_UP_MS = 60_000

const KINDS: ReadonlySet<Kind> = new Set<Kind>([
  ...(['channel_occupied', 'channel_vacated', 'member_added', 'member_removed'] as const),
  ...(['client_event', 'cache_miss', 'unacknowledged'] as const),
])

interface Node {
  readonly id: string
  readonly webhooks: Webhooks
  readonly held: Set<string>
  moving: boolean
}

let clock: ManualClock
let store: MemoryWebhookStore
let reachable: boolean
let alive: Set<string>
let leader: string | undefined
let told: string[]
let lost: number
let answer: (happenings: readonly Happening[]) => Sent
let acked: Position | undefined

/** Until everything that waits for promises has gone on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve()
}

async function passing(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.pass(50)
    await settled()
  }
}

/** The store, which fails while it is away. */
function behindNetwork(): WebhookStore {
  return new Proxy(store, {
    get(target, name) {
      const method = target[name as keyof WebhookStore] as (...args: unknown[]) => unknown
      return (...args: unknown[]) =>
        reachable ? method.apply(target, args) : Promise.reject(new SluiceError('unavailable', 'away'))
    },
  })
}

function start(id: string): Node {
  const held = new Set<string>()
  const node: Node = {
    ...{ id, held, moving: false },
    webhooks: new Webhooks(
      [
        {
          name: 'shop',
          wanted: { kinds: KINDS, channels: ['room:*'] },
          wants: (happening) => isWanted({ kinds: KINDS, channels: ['room:*'] }, happening),
          send(happenings) {
            const sent = answer(happenings)
            if (sent.taken)
              told.push(...happenings.map(({ kind, channel, user }) => `${kind} ${channel ?? user}`))
            return Promise.resolve(sent)
          },
        },
      ],
      {
        ...{ graceMs: GRACE_MS, movingGraceMs: MOVING_MS, lookMs: 1_000, unacknowledgedMs: 30_000 },
        outbox: {
          ...{ batchMax: 10, underWayMax: 2, giveUpMs: GIVE_UP_MS },
          ...{ retryMinMs: 1_000, retryMaxMs: 10_000, windowMax: 100 },
        },
      },
      {
        ...{ store: behindNetwork(), nodeId: id, clock, failed: () => undefined, warn: () => undefined },
        lease: () => {
          leader ??= id
          return Promise.resolve(leader === id ? clock.monotonicMs() + 5_000 : undefined)
        },
        moving: () => node.moving,
        liveNodes: () => Promise.resolve([...alive]),
        *held() {
          for (const channel of held) yield { kind: 'channel', channel }
        },
        acked: () => Promise.resolve(acked),
        counts: {
          ...{ sent: () => undefined, refused: () => undefined, dead: () => undefined },
          ...{ letters: () => undefined, lost: (count: number) => void (lost += count) },
        },
        notesLost: (count) => void (lost += count),
      },
    ),
  }
  alive.add(id)
  node.webhooks.start()
  return node
}

function holds(node: Node, channel: string, is: boolean): void {
  if (is) node.held.add(channel)
  else node.held.delete(channel)
  node.webhooks.holds({ kind: 'channel', channel }, is)
}

/** As a process that is killed: it does nothing more. */
async function kill(node: Node): Promise<void> {
  alive.delete(node.id)
  if (leader === node.id) leader = undefined
  const before = store
  // What it says as it closes is not heard.
  reachable = false
  await node.webhooks.close()
  reachable = true
  store = before
}

describe('webhooks of several nodes', () => {
  beforeEach(() => {
    clock = new ManualClock()
    store = new MemoryWebhookStore(1000, clock)
    reachable = true
    alive = new Set()
    leader = undefined
    told = []
    lost = 0
    acked = undefined
    answer = () => ({ taken: true })
  })

  it('tell begin and end once, of what is wanted', async () => {
    const [one, other] = [start('n1'), start('n2')]
    for (const node of [one, other]) for (const channel of ['room:1', 'else:1']) holds(node, channel, true)
    await passing(1_000)
    expect(told).toEqual(['channel_occupied room:1'])
    holds(one, 'room:1', false)
    await passing(GRACE_MS * 2)
    holds(other, 'room:1', false)
    await passing(GRACE_MS - 1_000)
    expect(told).toHaveLength(1)
    await passing(3_000)
    expect(told).toEqual(['channel_occupied room:1', 'channel_vacated room:1'])
  })

  it('tell nothing of a drain, and the end of those who do not come back', async () => {
    const [old, other] = [start('n1'), start('n2')]
    for (const channel of ['room:1', 'room:2']) holds(old, channel, true)
    await passing(1_000)
    old.moving = true
    for (const channel of ['room:1', 'room:2']) holds(old, channel, false)
    await passing(GRACE_MS * 4)
    holds(other, 'room:1', true)
    await old.webhooks.close()
    alive.delete('n1')
    leader = undefined
    await passing(MOVING_MS)
    expect(told).toEqual(['channel_occupied room:1', 'channel_occupied room:2', 'channel_vacated room:2'])
  })

  it('tell the end of what a dead node held, once, by another one', async () => {
    const [dead, one, other] = [start('n1'), start('n2'), start('n3')]
    for (const channel of ['room:1', 'room:2']) holds(dead, channel, true)
    holds(one, 'room:2', true)
    await passing(1_000)
    await kill(dead)
    await passing(GRACE_MS + 5_000)
    expect(told.slice(2)).toEqual(['channel_vacated room:1'])
    await other.webhooks.close()
  })

  it('who was taken for dead, or whose store has lost everything, reports anew, and nothing ends', async () => {
    const node = start('n1')
    holds(node, 'room:1', true)
    await passing(1_000)
    await store.bury('n1', 10_000)
    await passing(20_000)
    expect(told).toEqual(['channel_occupied room:1'])
    reachable = false
    holds(node, 'room:2', true)
    await passing(5_000)
    reachable = true
    await passing(5_000)
    expect(told).toEqual(['channel_occupied room:1', 'channel_occupied room:2'])
  })

  it('what a backend refuses for too long is a dead letter, which is told again when an operator says so', async () => {
    answer = (happenings) =>
      happenings.some(({ channel }) => channel === 'room:bad')
        ? { taken: false, why: 'it answered 500' }
        : { taken: true }
    const node = start('n1')
    holds(node, 'room:bad', true)
    holds(node, 'room:good', true)
    await passing(GIVE_UP_MS / 2)
    expect(told).toEqual(['channel_occupied room:good'])
    await passing(GIVE_UP_MS)
    const letters = new Letters(store)
    const { count, letters: list } = await letters.list(10)
    expect(count).toBe(1)
    expect(list[0]).toMatchObject({
      target: 'shop',
      why: 'it answered 500',
      happening: { channel: 'room:bad' },
    })
    expect(list[0]?.attempts).toBeGreaterThan(5)
    answer = () => ({ taken: true })
    await letters.resend(list[0]?.letter ?? '')
    await passing(1_000)
    expect(told).toEqual(['channel_occupied room:good', 'channel_occupied room:bad'])
    expect((await letters.list(10)).count).toBe(0)
    await expect(letters.drop('1')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('who takes over goes on where the one before was', async () => {
    const [one, other] = [start('n1'), start('n2')]
    holds(one, 'room:1', true)
    await passing(1_000)
    answer = () => ({ taken: false, why: 'down' })
    holds(one, 'room:2', true)
    await passing(1_000)
    answer = () => ({ taken: true })
    leader = 'n2'
    await passing(2_000)
    expect(told).toEqual(['channel_occupied room:1', 'channel_occupied room:2'])
    await other.webhooks.close()
  })

  it('notes follow what was held before them, are kept while the store is away, and a miss is told once', async () => {
    const node = start('n1')
    await passing(1_000)
    reachable = false
    holds(node, 'room:1', true)
    node.webhooks.note({ kind: 'cache_miss', channel: 'room:1' }, { name: 'm', forMs: 60_000 })
    node.webhooks.note({ kind: 'cache_miss', channel: 'room:1' }, { name: 'm', forMs: 60_000 })
    node.webhooks.note({ kind: 'cache_miss', channel: 'else:1' })
    await passing(3_000)
    reachable = true
    await passing(3_000)
    expect(told).toEqual(['channel_occupied room:1', 'cache_miss room:1'])
    expect(lost).toBe(0)
  })

  it('a durable message that was not acknowledged is told after its time, and one that was is not', async () => {
    const node = start('n1')
    acked = { epoch: 'e', offset: 1 }
    for (const offset of [1, 2])
      node.webhooks.sent({ user: 'ann', epoch: 'e', offset, message: `m${offset}` })
    await passing(29_000)
    expect(told).toEqual([])
    await passing(3_000)
    expect(told).toEqual(['unacknowledged ann'])
    await passing(10_000)
    expect(told).toHaveLength(1)
  })

  it('what a full backlog has dropped is counted', async () => {
    store = new MemoryWebhookStore(3, clock)
    const node = start('n1')
    await passing(1_000)
    leader = 'nobody'
    for (let i = 0; i < 10; i++) holds(node, `room:${i}`, true)
    await passing(1_000)
    leader = 'n1'
    await passing(1_000)
    expect([told.length, lost]).toEqual([3, 7])
  })
})

describe('a lease', () => {
  it('is good for less than it was taken for, and asked for again before it ends', async () => {
    const time = new ManualClock()
    let free = true
    let asked = 0
    const lease = new Lease({ clock: time, take: () => Promise.resolve(asked++ >= 0 && free) })
    const until = await lease.until()
    expect(until).toBeLessThan(time.monotonicMs() + 10_000)
    await lease.until()
    expect(asked).toBe(1)
    time.pass(2_000)
    free = false
    expect([await lease.until(), asked]).toEqual([undefined, 2])
  })
})

describe('a request in our words', () => {
  it('is signed as Standard Webhooks say', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    // What the libraries of the specification are tested with.
    const example = signed('{"test": 2432232314}', 'msg_p5jXN8AQM9LWM0D4loKWxJek', secret, 1_614_265_330_000)
    expect(example.headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
    const happening: Happening = { id: 'msg_1', kind: 'client_event', atMs: 5, channel: 'a', data: '{"x":1}' }
    const { headers, body } = written([happening], secret, 1_731_705_121_000)
    expect(JSON.parse(body)).toEqual({
      events: [{ id: 'msg_1', type: 'client_event', time: 5, channel: 'a', data: { x: 1 } }],
    })
    expect(headers).toMatchObject({ 'webhook-id': 'msg_1', 'webhook-timestamp': '1731705121' })
    expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/)
    expect(written([happening], undefined, 0).headers).not.toHaveProperty('webhook-signature')
  })
})

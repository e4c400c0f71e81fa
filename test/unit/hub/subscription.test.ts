import { describe, expect, it } from 'vitest'
import type { LogPage } from '../../../src/hub/log-reads.ts'
import { Fanout, type LiveMember } from '../../../src/hub/fanout.ts'
import type { Subscriber } from '../../../src/hub/subscriber.ts'
import { behindAt } from '../../../src/hub/behind.ts'
import { Subscription } from '../../../src/hub/subscription.ts'
import type { SlowConsumerPolicy, Source } from '../../../src/hub/source.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import { EncodedReset } from '../../../src/protocol/encoded-reset.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'

const at = (offset: number, epoch = 'e'): Position => ({ epoch, offset })

function entry(offset: number, epoch = 'e'): Encoded {
  const message: LoggedMessage = {
    kind: 'logged',
    channel: 'c',
    epoch,
    offset,
    previous: offset - 1,
    id: undefined,
    time: 0,
    data: Buffer.from('1'),
    binary: false,
    ack: false,
  }
  return new Encoded(message)
}

/** A channel of which nothing is in memory but `memory`, and a client; both tell what happens to them. */
class World {
  readonly seen: string[] = []
  /** What the channel counts. */
  readonly counted: string[] = []
  sequence = 0
  /** Reads of the log that wait for their answer. */
  readonly reads: { answer(page: LogPage): Promise<void>; fail(): Promise<void> }[] = []
  position: Position | undefined = at(5)
  memory: readonly Encoded[] = []
  room = true
  readonly subscription: Subscription

  constructor(start: Position | undefined, slowConsumer: SlowConsumerPolicy = 'catch-up') {
    const { seen, counted } = this
    const fanout = new Fanout()
    const positionNow = (): Position | undefined => this.position
    const sequenceNow = (): number => this.sequence
    const source: Source = {
      name: 'c',
      fanout,
      slowConsumer,
      get sequence() {
        return sequenceNow()
      },
      get position() {
        return positionNow()
      },
      log: {
        next: ({ epoch, offset }) =>
          this.memory.find(({ message }) => {
            const one = message as LoggedMessage
            return one.epoch === epoch && one.offset > offset
          }),
        newest: () => this.memory.at(-1),
        newestOfLog: () => this.#reads('read the newest'),
        read: ({ epoch, offset }) => this.#reads(`read after ${epoch}/${offset}`),
        awaitFeed: (_subscription, head) => seen.push(`await the feed, ${head?.offset}`),
        retryLater: () => seen.push('retry later'),
      },
      counts: {
        slow: (policy) => seen.push(`slow: ${policy}`),
        replayed: () => counted.push('replayed'),
        reset: (reason) => counted.push(`reset, ${reason}`),
        unacknowledged: () => undefined,
        ephemeralDropped: (count) => counted.push(`dropped ${count}`),
      },
      resetDelayMs: () => 250,
      tap: undefined,
      deliveries: undefined,
      begun: () => counted.push('begun'),
      left: (_subscription, hadBegun) => seen.push(hadBegun ? 'left' : 'left before it began'),
    }
    const subscriber: Subscriber = {
      transport: 'websocket',
      exclusionKey: 'key',
      hasRoom: () => this.room,
      deliver: ({ message }) => seen.push(`message ${(message as LoggedMessage).offset}`),
      reset: ({ position: { epoch, offset }, reason, delayMs }) =>
        seen.push(`reset to ${epoch}/${offset}, ${reason}, after ${delayMs}`),
      attach: () => seen.push('live'),
      detach: () => seen.push('not live'),
      stepAside: () => undefined,
      closeTooSlow: () => seen.push('too slow'),
    }
    this.subscription = new Subscription(source, subscriber, behindAt(start, 'opened'))
  }

  #reads(what: string): Promise<LogPage> {
    this.seen.push(what)
    return new Promise((resolve, reject) => {
      // What the answer leads to has happened when these resolve.
      const done = (): Promise<void> => new Promise((turn) => setImmediate(turn))
      this.reads.push({
        answer: (page) => (resolve(page), done()),
        fail: () => (reject(new Error('the log is away')), done()),
      })
    })
  }

  /** What has happened since the last time. */
  taken(): string[] {
    return this.seen.splice(0)
  }
}

function begun(start: Position | undefined, slowConsumer?: SlowConsumerPolicy): World {
  const world = new World(start, slowConsumer)
  world.subscription.begin(undefined)
  return world
}

const page = (entries: readonly Encoded[], head = at(5)): LogPage => ({ kind: 'range', entries, head })

describe('a read of the log', () => {
  it('is one at a time, however often there is room meanwhile', async () => {
    const world = begun(at(3))
    world.subscription.resume()
    world.subscription.resume()
    expect(world.taken()).toEqual(['read after e/3'])
    await world.reads[0]?.answer(page([entry(4), entry(5)]))
    expect(world.taken()).toEqual(['message 4', 'message 5', 'live'])
  })

  it('is followed by the next where the first was not all', async () => {
    const world = begun(at(2))
    await world.reads[0]?.answer(page([entry(3)]))
    expect(world.taken()).toEqual(['read after e/2', 'message 3', 'read after e/3'])
    await world.reads[1]?.answer(page([entry(4), entry(5)]))
    expect(world.taken()).toEqual(['message 4', 'message 5', 'live'])
  })

  it('that fails is repeated when it is told to go on, from the same place', async () => {
    const world = begun(at(3))
    await world.reads[0]?.fail()
    expect(world.taken()).toEqual(['read after e/3', 'retry later'])
    world.subscription.resume()
    expect(world.taken()).toEqual(['read after e/3'])
  })

  it('stops where the buffer is full, and goes on where it stopped', async () => {
    const world = begun(at(3))
    world.room = false
    await world.reads[0]?.answer(page([entry(4), entry(5)]))
    expect(world.taken()).toEqual(['read after e/3'])
    world.room = true
    world.subscription.resume()
    expect(world.taken()).toEqual(['read after e/3'])
  })

  it('has no effect on a client that has gone', async () => {
    const [one, other] = [begun(at(3)), begun(at(3))]
    for (const { subscription } of [one, other]) subscription.close()
    await one.reads[0]?.answer(page([entry(4)]))
    await other.reads[0]?.fail()
    for (const world of [one, other]) expect(world.taken()).toEqual(['read after e/3', 'left'])
  })
})

describe('a client from another epoch', () => {
  it.each([4, 5, 6])(
    'at %i is not taken for one that is where the feed is: the log decides',
    async (offset) => {
      const world = new World(at(offset, 'old'))
      // It would serve as the next message, were the epochs not compared.
      world.memory = [entry(5), entry(7, 'old')]
      world.subscription.begin(undefined)
      expect(world.taken()).toEqual([`read after old/${offset}`])
      await world.reads[0]?.answer({ kind: 'lost', why: 'epoch', head: at(5) })
      expect(world.taken()).toEqual(['reset to e/5, epoch, after 250', 'live'])
    },
  )

  it('is shown nothing of an epoch that the feed does not know yet: the feed comes first', async () => {
    const world = begun(at(3, 'new'))
    await world.reads[0]?.answer(page([entry(4, 'new')], at(4, 'new')))
    expect(world.taken()).toEqual(['read after new/3', 'await the feed, 4'])
    world.position = at(4, 'new')
    world.memory = [entry(4, 'new')]
    world.subscription.resume()
    expect(world.taken()).toEqual(['message 4', 'live'])
  })

  it('is shown of the log what the feed has delivered, and the rest comes with the feed', async () => {
    const world = begun(at(3))
    await world.reads[0]?.answer(page([entry(4), entry(5), entry(6)], at(6)))
    expect(world.taken()).toEqual(['read after e/3', 'message 4', 'message 5', 'live'])
  })
})

describe('a client', () => {
  it('that begins behind is not slow: no policy closes it or leaves anything out', () => {
    for (const policy of ['disconnect', 'conflate'] as const) {
      const world = new World(at(3), policy)
      world.memory = [entry(4), entry(5)]
      world.subscription.begin(undefined)
      expect(world.taken()).toEqual(['message 4', 'message 5', 'live'])
    }
  })

  it.each([
    ['catch-up', ['message 4', 'message 5', 'live']],
    ['conflate', ['message 5', 'live']],
    ['disconnect', ['too slow']],
  ] as const)('whose buffer was full is slow: %s', (policy, then) => {
    const world = begun(at(5), policy)
    expect(world.taken()).toEqual(['live'])
    world.memory = [entry(4), entry(5)]
    world.subscription.fallBehind(at(3))
    expect(world.taken()).toEqual(['not live', `slow: ${policy}`])
    world.subscription.resume()
    expect(world.taken()).toEqual(then)
  })
})

describe('a loss of the whole channel', () => {
  const LOSS = new EncodedReset({ channel: 'news', position: at(9), reason: 'epoch', delayMs: 700 })

  it('is told to who is live, who stays live', () => {
    const world = begun(at(5))
    expect(world.taken()).toEqual(['live'])
    world.subscription.resetLive(LOSS)
    expect(world.taken()).toEqual(['reset to e/9, epoch, after 700'])
    expect(world.subscription.live).toBe(true)
  })

  it('takes who has no room off the fan-out first, so that nothing overtakes it', () => {
    const world = begun(at(5))
    world.taken()
    world.room = false
    world.subscription.resetLive(LOSS)
    expect(world.taken()).toEqual(['not live', 'slow: catch-up', 'reset to e/9, epoch, after 700'])
    expect(world.subscription.position).toEqual(at(9))
  })

  it('is not told to who is behind: the log tells him', () => {
    const world = begun(at(3))
    world.taken()
    world.subscription.resetLive(LOSS)
    expect(world.taken()).toEqual([])
  })

  it('reaches everybody who is live, once, and nobody who has left', () => {
    const fanout = new Fanout()
    const told: string[] = []
    const member = (name: string): LiveMember => ({
      previousLive: undefined,
      nextLive: undefined,
      subscriber: undefined as unknown as Subscriber,
      takeLive: () => false,
      resetLive: () => told.push(name),
    })
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(member) as [LiveMember, LiveMember, LiveMember, LiveMember]
    for (const one of [a, b, c, d]) fanout.addLive(one)
    for (const one of [b, d]) fanout.removeLive(one)
    fanout.addLive(b)
    fanout.removeLive(a)
    for (const one of fanout.live) one.resetLive(LOSS)
    expect(told.toSorted()).toEqual(['b', 'c'])
    for (const one of [b, c]) fanout.removeLive(one)
    expect(fanout.live).toEqual([])
  })
})

describe('a subscription', () => {
  it('is live where it has caught up, and then is where the feed is', () => {
    const world = new World(at(5))
    const { subscription } = world
    expect([subscription.state, subscription.live, subscription.position]).toEqual(['opened', false, at(5)])
    world.sequence = 7
    subscription.begin(undefined)
    expect([subscription.state, subscription.live, subscription.liveSince]).toEqual(['live', true, 7])
    world.position = at(9)
    expect(subscription.position).toEqual(at(9))
    subscription.fallBehind(at(8))
    expect([subscription.state, subscription.live, subscription.position]).toEqual(['behind', false, at(8)])
  })

  it('begins once, with the reset that it was told of', () => {
    const world = new World(at(5))
    world.subscription.begin('trimmed')
    world.subscription.begin('trimmed')
    expect(world.taken()).toEqual(['reset to e/5, trimmed, after 250', 'live'])
    expect(world.counted).toEqual(['begun', 'reset, trimmed'])
  })

  it('begins without a reset on an ephemeral channel, whatever was asked for', () => {
    for (const [start, position] of [
      [undefined, at(5)],
      [at(3), undefined],
      [undefined, undefined],
    ]) {
      const world = new World(start)
      world.position = position
      world.subscription.begin(start === undefined ? 'epoch' : undefined)
      expect(world.taken()).toEqual(['live'])
      expect(world.counted).toEqual(['begun'])
    }
  })

  it('that is live again after a pause hears of what comes from then on', () => {
    const world = begun(at(5))
    world.subscription.fallBehind(at(5))
    world.sequence = 3
    world.subscription.resume()
    expect(world.subscription.liveSince).toBe(3)
    expect(world.taken()).toEqual(['live', 'not live', 'slow: catch-up', 'live'])
  })

  it('falls behind only where it was live', () => {
    const world = new World(at(3))
    for (const turn of ['before it began', 'while it is behind', 'after its end']) {
      world.taken()
      world.subscription.fallBehind(at(1))
      expect(world.taken(), turn).toEqual([])
      if (turn === 'before it began') world.subscription.begin(undefined)
      else world.subscription.close()
    }
  })

  it('leaves once, and the fan-out where it was live', () => {
    const before = new World(at(5))
    const behind = begun(at(3))
    const live = begun(at(5))
    const worlds = [before, behind, live]
    for (const world of worlds) world.taken()
    for (const { subscription } of [...worlds, ...worlds]) subscription.close()
    expect(worlds.map((world) => world.taken())).toEqual([
      ['left before it began'],
      ['left'],
      ['not live', 'left'],
    ])
    for (const { subscription } of worlds) {
      expect(subscription.state).toBe('closed')
      subscription.begin(undefined)
      subscription.resume()
    }
    expect(worlds.map((world) => world.taken())).toEqual([[], [], []])
  })

  it('tells who follows its replay of each message, and once of the end', async () => {
    const replay = (): { told: string[]; replayed(): void; ended(): void } => {
      const told: string[] = []
      return { told, replayed: () => void told.push('replayed'), ended: () => void told.push('ended') }
    }
    const [one, other] = [replay(), replay()]
    const world = new World(at(3))
    world.memory = [entry(4), entry(5)]
    world.subscription.begin(undefined, one)
    expect(one.told).toEqual(['replayed', 'replayed', 'ended'])
    expect(world.counted).toEqual(['begun', 'replayed', 'replayed'])
    world.subscription.fallBehind(at(4))
    world.subscription.resume()
    world.subscription.close()
    expect(one.told).toHaveLength(3)
    const leaving = new World(at(3))
    leaving.subscription.begin(undefined, other)
    leaving.subscription.close()
    expect(other.told).toEqual(['ended'])
  })
})

describe('a read of the log that brings nothing', () => {
  it('is a gap where the feed has seen more, and memory has not got it either', async () => {
    const world = begun(at(3))
    await world.reads[0]?.answer(page([]))
    expect(world.taken()).toEqual(['read after e/3', 'reset to e/5, gap, after 250', 'live'])
    expect(world.counted).toEqual(['begun', 'reset, gap'])
  })

  it('is none where memory has it meanwhile', async () => {
    const world = begun(at(3))
    world.memory = [entry(4), entry(5)]
    await world.reads[0]?.answer(page([]))
    expect(world.taken()).toEqual(['read after e/3', 'message 4', 'message 5', 'live'])
  })

  it('is none where the client is where the feed is', async () => {
    const world = begun(at(6))
    world.position = at(6)
    await world.reads[0]?.answer(page([], at(6)))
    expect(world.taken()).toEqual(['read after e/6', 'live'])
  })

  it('waits for the feed where the client is ahead of that', async () => {
    const world = begun(at(7))
    await world.reads[0]?.answer(page([], at(8)))
    expect(world.taken()).toEqual(['read after e/7', 'await the feed, 8'])
    world.position = at(7)
    world.subscription.resume()
    expect(world.taken()).toEqual(['live'])
  })
})

describe('the newest message where memory has no room for it', () => {
  function slow(): World {
    const world = begun(at(5), 'conflate')
    world.subscription.fallBehind(at(2))
    world.taken()
    world.subscription.resume()
    expect(world.taken()).toEqual(['read the newest'])
    return world
  }
  const newest = (...entries: Encoded[]): LogPage => page([entry(1), entry(2), ...entries], at(9))

  it('is read from the log, once at a time', async () => {
    const world = slow()
    world.subscription.resume()
    expect(world.taken()).toEqual([])
    await world.reads[0]?.answer(newest(entry(5)))
    expect(world.taken()).toEqual(['message 5', 'live'])
  })

  it('is read again where the log does not answer, and not for a client that has gone', async () => {
    const world = slow()
    await world.reads[0]?.fail()
    expect(world.taken()).toEqual(['retry later'])
    world.subscription.resume()
    expect(world.taken()).toEqual(['read the newest'])
    world.subscription.close()
    world.taken()
    await world.reads[1]?.fail()
    expect(world.taken()).toEqual([])
    const other = slow()
    other.subscription.close()
    other.taken()
    await other.reads[0]?.answer(newest(entry(5)))
    expect(other.taken()).toEqual([])
  })

  it('waits for the feed where the log is ahead of that', async () => {
    const world = slow()
    await world.reads[0]?.answer(newest(entry(6)))
    expect(world.taken()).toEqual(['await the feed, 9'])
  })

  it.each([
    ['nothing', { kind: 'range', entries: [], head: at(5) }],
    ['an older one', { kind: 'range', entries: [entry(4)], head: at(4) }],
    ['one of another epoch', { kind: 'range', entries: [entry(5, 'f')], head: at(5, 'f') }],
    ['a newer one of another epoch', { kind: 'range', entries: [entry(6, 'f')], head: at(6, 'f') }],
    ['that it has lost it', { kind: 'lost', why: 'epoch', head: at(9) }],
  ] as [string, LogPage][])('is a reset where the log answers %s', async (_what, answer) => {
    const world = slow()
    await world.reads[0]?.answer(answer)
    expect(world.taken()).toEqual(['reset to e/5, trimmed, after 250', 'live'])
    expect(world.counted).toEqual(['begun', 'reset, trimmed'])
  })

  it.each([at(6), at(5, 'f')])(
    'is another one where the feed has moved on meanwhile: %j',
    async (position) => {
      const world = slow()
      world.position = position
      await world.reads[0]?.answer(newest(entry(5)))
      expect(world.taken()).toEqual(['read the newest'])
      await world.reads[1]?.answer(newest(entry(position.offset, position.epoch)))
      expect(world.taken()).toEqual([`message ${position.offset}`, 'live'])
    },
  )
})

describe('a message of a channel without a topic', () => {
  it('goes to who is live and has room', () => {
    const world = begun(at(5))
    world.taken()
    expect(world.subscription.takeLive(entry(6), at(5))).toBe(true)
    expect(world.taken()).toEqual(['message 6'])
    expect(world.subscription.live).toBe(true)
  })

  it('has who finds no room fall behind, at the place before it', () => {
    const world = begun(at(5))
    world.taken()
    world.room = false
    world.subscription.takeLive(entry(6), at(5))
    expect(world.taken()).toEqual(['not live', 'slow: catch-up'])
    expect(world.subscription.position).toEqual(at(5))
    expect(world.counted).not.toContain('dropped 1')
  })

  it('is counted as dropped where it is in no log and finds no room', () => {
    const world = new World(undefined)
    world.position = undefined
    world.subscription.begin(undefined)
    world.room = false
    world.subscription.takeLive(entry(6), undefined)
    expect(world.counted).toContain('dropped 1')
  })

  it('is nothing to who is behind', () => {
    const world = begun(at(3))
    world.taken()
    expect(world.subscription.takeLive(entry(6), at(5))).toBe(false)
    expect(world.taken()).toEqual([])
  })
})

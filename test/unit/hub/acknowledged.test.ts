import { beforeEach, describe, expect, it } from 'vitest'
import { Deliveries } from '../../../src/hub/deliveries.ts'
import { Fanout } from '../../../src/hub/fanout.ts'
import type { Source } from '../../../src/hub/source.ts'
import type { Subscriber } from '../../../src/hub/subscriber.ts'
import { behindAt } from '../../../src/hub/behind.ts'
import { Subscription } from '../../../src/hub/subscription.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import { EncodedReset } from '../../../src/protocol/encoded-reset.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'
import type { Position } from '../../../src/protocol/position.ts'

/** A durable channel at offset 5, and a client of it; its messages are all in memory. How messages are counted is in deliveries.test.ts. */

const at = (offset: number): Position => ({ epoch: 'e', offset })

let deliveries: Deliveries | undefined
let position: Position
let memory: Encoded[]
let room: boolean
let transport: Subscriber['transport']
/** What a message has to be, to be acknowledged. */
let ack: boolean
let counted: unknown[]
let begun: number

beforeEach(() => {
  deliveries = new Deliveries()
  position = at(5)
  memory = []
  room = true
  transport = 'websocket'
  ack = true
  counted = []
  begun = 0
})

function entry(offset: number): Encoded {
  const message = {
    kind: 'logged',
    channel: 'c',
    epoch: 'e',
    offset,
    previous: offset - 1,
    ack,
    time: offset * 10,
  }
  return new Encoded({ ...message, data: Buffer.from('1'), binary: false } as unknown as LoggedMessage)
}

/** The channel hands so many more to all who are live. */
function hand(...offsets: number[]): void {
  for (const offset of offsets) {
    deliveries ??= new Deliveries()
    deliveries.add('e', offset, offset * 10)
    memory.push(entry(offset))
    position = at(offset)
  }
}

function subscribed(start = at(5)): Subscription {
  const source = {
    name: 'c',
    fanout: new Fanout(),
    slowConsumer: 'catch-up',
    sequence: 0,
    get position() {
      return position
    },
    get deliveries() {
      return deliveries
    },
    log: {
      next: ({ offset }: Position) =>
        memory.find(({ message }) => (message as LoggedMessage).offset > offset),
    },
    counts: {
      slow: () => undefined,
      replayed: (durable: boolean) => void counted.push(durable ? 'replayed' : 'replayed, not durable'),
      reset: () => undefined,
      unacknowledged: (messages: number) => void counted.push(messages),
      ephemeralDropped: () => undefined,
    },
    tap: undefined,
    begun: () => void begun++,
    left: () => undefined,
  } as unknown as Source
  const subscriber = {
    get transport() {
      return transport
    },
    exclusionKey: 'key',
    hasRoom: () => room,
    deliver: () => undefined,
    reset: () => undefined,
    attach: () => undefined,
    detach: () => undefined,
    stepAside: () => undefined,
    closeTooSlow: () => undefined,
  } as unknown as Subscriber
  const subscription = new Subscription(source, subscriber, behindAt(start, 'opened'))
  subscription.begin(undefined)
  return subscription
}

const NOTHING = { messages: 0, acceptedMs: undefined }

describe('an acknowledgement of one who is live', () => {
  it('covers what was handed to all since he is, each once, and tells when the last of it was accepted', () => {
    hand(4, 5)
    const subscription = subscribed()
    expect(subscription.acknowledge(5)).toEqual(NOTHING)
    hand(6, 7, 8)
    expect(subscription.acknowledge(7)).toEqual({ messages: 2, acceptedMs: 70 })
    expect(subscription.acknowledge(7)).toEqual(NOTHING)
    expect(subscription.acknowledge(6)).toEqual(NOTHING)
    hand(9)
    subscription.close()
    expect(counted).toEqual([2])
    subscription.close()
    expect(counted).toEqual([2])
  })

  it('covers all where he was live before the first message', () => {
    deliveries = undefined
    const subscription = subscribed()
    expect(subscription.acknowledge(5)).toEqual(NOTHING)
    hand(6, 7)
    expect(subscription.acknowledge(6)).toEqual({ messages: 1, acceptedMs: 60 })
    subscription.close()
    expect(counted).toEqual([1])
  })

  it('is nothing on a transport that cannot acknowledge, which leaves nothing open', () => {
    transport = 'sse'
    memory = [entry(5)]
    const subscription = subscribed(at(4))
    hand(6)
    expect(subscription.acknowledge(6)).toEqual(NOTHING)
    subscription.fallBehind(at(6))
    subscription.close()
    expect(counted).toEqual(['replayed, not durable'])
  })
})

describe('an acknowledgement of one who catches up', () => {
  it('covers what he was given alone', () => {
    memory = [entry(3), entry(4), entry(5)]
    const subscription = subscribed(at(2))
    expect(counted).toEqual(['replayed', 'replayed', 'replayed'])
    expect(subscription.acknowledge(4)).toEqual({ messages: 2, acceptedMs: undefined })
    hand(6)
    expect(subscription.acknowledge(6)).toEqual({ messages: 2, acceptedMs: 60 })
  })

  it('covers what all are handed after that, also where nothing was handed to anybody before', () => {
    deliveries = undefined
    memory = [entry(4), entry(5)]
    const subscription = subscribed(at(3))
    hand(6, 7, 8)
    expect(subscription.acknowledge(7)).toEqual({ messages: 4, acceptedMs: 70 })
    subscription.close()
    expect(counted).toEqual(['replayed', 'replayed', 1])
  })

  it('covers it where nothing was handed to all since, but for when that was accepted', () => {
    deliveries = undefined
    memory = [entry(4), entry(5)]
    expect(subscribed(at(3)).acknowledge(5)).toEqual({ messages: 2, acceptedMs: undefined })
  })

  it('is nothing for what needs none', () => {
    ack = false
    deliveries = undefined
    memory = [entry(4), entry(5)]
    const subscription = subscribed(at(3))
    expect(subscription.acknowledge(5)).toEqual(NOTHING)
    subscription.close()
    expect(counted).toEqual(['replayed, not durable', 'replayed, not durable'])
  })

  it('covers what he was handed while he was live, too, and no more of what all are handed meanwhile', () => {
    const subscription = subscribed()
    hand(6, 7)
    room = false
    subscription.fallBehind(at(7))
    hand(8)
    expect(subscription.acknowledge(6)).toEqual({ messages: 1, acceptedMs: 60 })
    expect(subscription.acknowledge(8)).toEqual({ messages: 1, acceptedMs: 80 })
    room = true
    subscription.resume()
    expect(counted).toEqual(['replayed'])
    expect(subscription.acknowledge(8)).toEqual({ messages: 1, acceptedMs: 80 })
    expect(subscription.live).toBe(true)
  })

  it('covers what he was handed before anything was counted for him', () => {
    deliveries = undefined
    const subscription = subscribed()
    hand(6, 7)
    subscription.fallBehind(at(7))
    subscription.close()
    expect(counted).toEqual([2])
  })
})

describe('a subscription', () => {
  it('begins once, also where it has no room yet', () => {
    memory = [entry(4), entry(5)]
    room = false
    const subscription = subscribed(at(3))
    subscription.begin('gap')
    expect([subscription.state, subscription.position]).toEqual(['behind', at(3)])
    room = true
    subscription.resume()
    expect([counted, begun]).toEqual([['replayed', 'replayed'], 1])
  })

  it('is nowhere once it is closed', () => {
    const subscription = subscribed()
    expect(subscription.position).toEqual(at(5))
    subscription.close()
    expect(subscription.position).toBeUndefined()
  })

  it('of a stream is not handed a message as one of a socket is', () => {
    const subscription = subscribed()
    expect(subscription.takeLive(entry(6), at(5))).toBe(true)
    transport = 'sse'
    expect(subscription.takeLive(entry(6), at(5))).toBe(false)
  })
})

it('what is open when the log is another one is not acknowledged any more, and what comes then is', () => {
  const subscription = subscribed()
  hand(6, 7)
  subscription.resetLive(
    new EncodedReset({ channel: 'c', position: at(7), reason: 'gap', delayMs: 0 } as never),
  )
  expect(counted).toEqual([2])
  expect(subscription.acknowledge(7)).toEqual(NOTHING)
  hand(8)
  expect(subscription.acknowledge(8)).toEqual({ messages: 1, acceptedMs: 80 })
  room = false
  hand(9)
  subscription.resetLive(
    new EncodedReset({ channel: 'c', position: at(9), reason: 'gap', delayMs: 0 } as never),
  )
  expect(subscription.live).toBe(false)
  hand(10)
  subscription.close()
  expect(counted).toEqual([2, 1])
})

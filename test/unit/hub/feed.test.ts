import { beforeEach, describe, expect, it } from 'vitest'
import { FeedMemory } from '../../../src/hub/feed-memory.ts'
import { Feed, type FeedDecision } from '../../../src/hub/feed.ts'
import { LINES } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { Position } from '../../../src/protocol/position.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'
import type { LogRange } from '../../../src/replay/replay-log.ts'

function message(offset: number, previous: number, epoch = 'e'): LoggedMessage {
  return {
    kind: 'logged',
    channel: 'c',
    epoch,
    offset,
    previous,
    id: undefined,
    time: 0,
    data: Buffer.from('1'),
    binary: false,
    ack: false,
  }
}

const at = (offset: number, epoch = 'e'): Position => ({ epoch, offset })

/** The decisions in short. */
function inShort(decisions: readonly FeedDecision[]): string[] {
  return decisions.map((decision) => {
    if (decision.kind === 'deliver') return `deliver ${(decision.encoded.message as LoggedMessage).offset}`
    if (decision.kind === 'fetch') return `fetch after ${decision.after.offset}`
    if (decision.kind === 'disown') return `disown ${decision.epoch}`
    return `reset to ${decision.position.offset}, ${decision.reason}`
  })
}

let memory: FeedMemory
beforeEach(() => {
  memory = new FeedMemory(1_000_000, () => undefined)
})

function newFeed(more: { heldMax?: number; bytes?: number; ttlMs?: number } = {}): Feed {
  const { heldMax = 4, bytes = 10_000, ttlMs = Infinity } = more
  return new Feed({ tail: { messages: 10, bytes, ttlMs }, heldMax, memory })
}

function following(offset: number, more = {}): Feed {
  const feed = newFeed(more)
  feed.start(at(offset))
  return feed
}

const range = (head: Position, ...messages: LoggedMessage[]): LogRange => ({ kind: 'range', messages, head })
const filled = (feed: Feed, answer: LogRange): string[] => inShort(feed.filled(answer))
const encoded = (...args: Parameters<typeof message>): Encoded => new Encoded(message(...args))
const receive = (feed: Feed, offset: number, previous: number, epoch?: string): string[] =>
  inShort(feed.receive(new Encoded(message(offset, previous, epoch))))

describe('a log with a hole of its own', () => {
  it('that is ahead and has nothing in between resets to its head, and is not asked for ever', () => {
    const feed = following(2)
    expect(inShort(feed.check(at(9)))).toEqual(['fetch after 2'])
    expect(inShort(feed.filled({ kind: 'range', messages: [], head: at(9) }))).toEqual(['reset to 9, gap'])
    expect(feed.behind).toBe(false)
    expect(receive(feed, 10, 9)).toEqual(['deliver 10'])
  })

  it('that has some of it is asked for the rest', () => {
    const feed = following(2)
    feed.check(at(9))
    expect(filled(feed, range(at(9), message(4, 2)))).toEqual(['deliver 4', 'fetch after 4'])
    expect(filled(feed, range(at(9)))).toEqual(['reset to 9, gap'])
  })

  it('is none where the answer ends at the head', () => {
    const feed = following(2)
    feed.check(at(4))
    expect(filled(feed, range(at(4), message(4, 2)))).toEqual(['deliver 4'])
    expect(feed.behind).toBe(false)
  })
})

describe('what is held', () => {
  it('is delivered without a fetch where its predecessor is the head that the feed starts at', () => {
    const feed = newFeed()
    expect(receive(feed, 7, 5)).toEqual([])
    expect(inShort(feed.start(at(5)))).toEqual(['deliver 7'])
    expect(feed.heldCount).toBe(0)
  })

  it('is delivered as soon as its predecessor is', () => {
    const feed = following(2)
    expect(receive(feed, 8, 5)).toEqual(['fetch after 2'])
    expect(receive(feed, 5, 2)).toEqual(['deliver 5', 'deliver 8'])
    expect(feed.heldCount).toBe(0)
  })

  it('is delivered behind the answer of the log that ends at its predecessor', () => {
    const feed = following(2)
    receive(feed, 8, 5)
    expect(filled(feed, range(at(5), message(5, 2)))).toEqual(['deliver 5', 'deliver 8'])
  })

  it('waits where its predecessor is beyond the position, or it is of another epoch', () => {
    const feed = newFeed()
    receive(feed, 7, 6)
    receive(feed, 8, 5, 'f')
    expect(inShort(feed.start(at(5)))).toEqual(['fetch after 5'])
    expect(feed.heldCount).toBe(2)
  })
})

describe('a feed', () => {
  it('knows nothing before it starts, and follows from the head on', () => {
    const feed = newFeed()
    expect([feed.position, feed.behind, feed.heldCount]).toEqual([undefined, false, 0])
    expect(feed.tail.start).toBe(0)
    expect(inShort(feed.check(at(9)))).toEqual([])
    expect(filled(feed, range(at(9), message(9, 8)))).toEqual([])
    expect(inShort(feed.start(at(5)))).toEqual([])
    expect([feed.position, feed.behind]).toEqual([at(5), false])
    expect(feed.tail.start).toBe(5)
    expect(receive(feed, 7, 5)).toEqual(['deliver 7'])
    expect(receive(feed, 7, 5)).toEqual([])
    expect(feed.position).toEqual(at(7))
    expect(feed.tail.length).toBe(1)
  })

  it('says where who has everything before a message stands', () => {
    const feed = following(5)
    expect(feed.receive(encoded(7, 5))).toMatchObject([{ before: at(5) }])
    feed.check(at(9))
    expect(feed.filled(range(at(9), message(8, 7), message(9, 8)))).toMatchObject([
      { before: at(7) },
      { before: at(8) },
    ])
    expect(feed.check(at(9))).toEqual([])
  })

  it('starts with a fetch where it could not hold all that came before', () => {
    const feed = newFeed({ heldMax: 2 })
    for (const offset of [6, 7, 8]) receive(feed, offset, offset - 1)
    expect(feed.heldCount).toBe(2)
    expect(inShort(feed.start(at(5)))).toEqual(['deliver 6', 'deliver 7', 'fetch after 7'])
    expect(feed.behind).toBe(true)
    expect(filled(feed, range(at(8), message(8, 7)))).toEqual(['deliver 8'])
    expect(feed.behind).toBe(false)
  })

  it.each([at(6), at(5, 'f'), at(4)])('asks the log where its head is another one: %j', (head) => {
    const feed = following(5)
    expect(inShort(feed.check(at(5)))).toEqual([])
    expect(feed.behind).toBe(false)
    expect(inShort(feed.check(head))).toEqual(['fetch after 5'])
    expect(feed.behind).toBe(true)
    expect(inShort(feed.check(head))).toEqual([])
  })

  it('hears nothing more once it is closed, and holds nothing', () => {
    const feed = following(2)
    receive(feed, 3, 2)
    receive(feed, 8, 7)
    expect(memory.bytes).toBeGreaterThan(0)
    feed.close()
    expect([memory.bytes, feed.heldCount]).toEqual([0, 0])
    expect(receive(feed, 4, 3)).toEqual([])
    expect(inShort(feed.check(at(9)))).toEqual([])
    expect(filled(feed, range(at(9), message(4, 3)))).toEqual([])
    expect(inShort(feed.retry())).toEqual([])
    feed.backfill([encoded(3, 2)], at(2))
    expect([memory.bytes, feed.position]).toEqual([0, at(3)])
    const other = following(2)
    other.check(at(9))
    other.failed()
    other.close()
    expect(inShort(other.retry())).toEqual([])
  })

  it('lets go of what the log has forgotten', () => {
    for (const how of ['tidy', 'expire'] as const) {
      const feed = following(2, { ttlMs: 100 })
      feed[how](1000)
      receive(feed, 3, 2)
      feed[how](100)
      expect(feed.tail.length).toBe(1)
      feed[how](101)
      expect(feed.tail.length).toBe(0)
    }
  })

  it('gives back what can be made again when it is tidied', () => {
    const feed = following(2)
    const one = encoded(3, 2)
    feed.receive(one)
    const before = memory.bytes
    void one.as(LINES).data
    expect(memory.bytes).toBeGreaterThan(before)
    feed.expire(0)
    expect(memory.bytes).toBeGreaterThan(before)
    feed.tidy(0)
    expect(memory.bytes).toBe(before)
  })

  it('keeps nothing of what the log has forgotten, and goes on where it is', () => {
    const feed = following(0)
    feed.receive(encoded(1, 0))
    feed.forget()
    expect([feed.tail.length, feed.tail.start, feed.position]).toEqual([0, 1, at(1)])
    expect(inShort(feed.receive(encoded(2, 1)))).toEqual(['deliver 2'])
  })

  it('takes older messages for its tail, of its own epoch only', () => {
    const feed = following(5)
    feed.backfill([encoded(4, 3, 'f')], at(3, 'f'))
    expect(feed.tail.length).toBe(0)
    feed.backfill([encoded(4, 3), encoded(5, 4)], at(3))
    expect([feed.tail.length, feed.tail.start]).toEqual([2, 3])
    const before = newFeed()
    before.backfill([encoded(4, 3)], at(3))
    expect(before.tail.length).toBe(0)
  })
})

describe('the answer of the log', () => {
  it('to nothing that was asked is none', () => {
    const feed = following(2)
    expect(filled(feed, range(at(3), message(3, 2)))).toEqual([])
    expect(feed.position).toEqual(at(2))
  })

  it.each([
    ['ahead', 'gap'],
    ['trimmed', 'trimmed'],
    ['epoch', 'epoch'],
  ] as const)('that it is %s is a reset to its head, for the reason %s', (why, reason) => {
    const feed = following(2)
    feed.check(at(9))
    expect(filled(feed, { kind: 'lost', why, head: at(9) })).toEqual([`reset to 9, ${reason}`])
    expect([feed.position, feed.behind, feed.tail.start]).toEqual([at(9), false, 9])
  })

  it('that something is lost is asked for again where the hole has been filled meanwhile', () => {
    const feed = following(2)
    feed.check(at(9))
    receive(feed, 3, 2)
    expect(filled(feed, { kind: 'lost', why: 'trimmed', head: at(9) })).toEqual(['fetch after 3'])
    expect(filled(feed, { kind: 'lost', why: 'trimmed', head: at(9) })).toEqual(['reset to 9, trimmed'])
  })

  it('may have what was seen meanwhile, which is not shown again, nor is what is of another epoch', () => {
    const feed = following(2)
    feed.check(at(4))
    receive(feed, 3, 2)
    expect(filled(feed, range(at(4), message(3, 2), message(4, 3, 'f'), message(4, 3)))).toEqual([
      'deliver 4',
    ])
    expect(feed.position).toEqual(at(4))
  })

  it('may fail: then it is asked again when it is time, and not before', () => {
    const feed = following(2)
    expect(inShort(feed.retry())).toEqual([])
    feed.check(at(4))
    expect(inShort(feed.retry())).toEqual([])
    feed.failed()
    expect(feed.behind).toBe(true)
    expect(inShort(feed.retry())).toEqual(['fetch after 2'])
    expect(filled(feed, range(at(4), message(4, 2)))).toEqual(['deliver 4'])
    expect(inShort(feed.retry())).toEqual([])
  })

  it('that does not have what lies before a message that came earlier is a gap up to there', () => {
    const feed = following(2)
    receive(feed, 8, 7)
    // The log has lost its end, as a primary that was not the last one.
    expect(filled(feed, range(at(2)))).toEqual(['reset to 7, gap', 'deliver 8'])
    expect([feed.position, feed.heldCount, feed.behind]).toEqual([at(8), 0, false])
  })

  it('is older than what came since it was asked: that waits for the next answer', () => {
    const feed = following(2)
    feed.check(at(4))
    receive(feed, 8, 7)
    expect(filled(feed, range(at(4), message(4, 2)))).toEqual(['deliver 4', 'fetch after 4'])
    expect(feed.heldCount).toBe(1)
    expect(filled(feed, range(at(7), message(7, 4)))).toEqual(['deliver 7', 'deliver 8'])
    expect(feed.heldCount).toBe(0)
  })
})

describe('a message of another epoch', () => {
  it('that the log does not know ends the epoch, once', () => {
    const feed = following(2)
    expect(receive(feed, 5, 4, 'f')).toEqual(['fetch after 2'])
    expect(filled(feed, range(at(2)))).toEqual(['disown e'])
    expect([feed.heldCount, feed.behind]).toEqual([0, false])
    receive(feed, 5, 4, 'f')
    expect(filled(feed, range(at(2)))).toEqual([])
    receive(feed, 6, 5, 'f')
    expect(filled(feed, range(at(2)))).toEqual(['disown e'])
    receive(feed, 0, 0, 'g')
    expect(filled(feed, range(at(2)))).toEqual(['disown e'])
  })

  it('beside others leaves those where they are', () => {
    const feed = following(2)
    receive(feed, 5, 4, 'f')
    receive(feed, 6, 5, 'g')
    receive(feed, 8, 7)
    receive(feed, 9, 8, 'f')
    // All of them had come before the log was asked again.
    feed.failed()
    feed.retry()
    expect(filled(feed, range(at(2)))).toEqual([
      'disown e',
      'disown e',
      'reset to 7, gap',
      'deliver 8',
      'disown e',
    ])
    expect([feed.heldCount, feed.behind]).toEqual([0, false])
  })

  it('that a reset has covered is late, and no sign of anything', () => {
    const feed = following(4, {})
    feed.check(at(1, 'f'))
    expect(filled(feed, { kind: 'lost', why: 'epoch', head: at(1, 'f') })).toEqual(['reset to 1, epoch'])
    receive(feed, 4, 3)
    expect(filled(feed, range(at(1, 'f')))).toEqual([])
    receive(feed, 5, 4)
    expect(filled(feed, range(at(1, 'f')))).toEqual(['disown f'])
  })

  it('is known as late for the last eight epochs', () => {
    const feed = following(4, {})
    const change = (epoch: string): void => {
      feed.check(at(4, epoch))
      feed.filled({ kind: 'lost', why: 'epoch', head: at(4, epoch) })
    }
    const late = (epoch: string): string[] => {
      receive(feed, 4, 3, epoch)
      return filled(feed, range(feed.position as Position))
    }
    for (let n = 1; n <= 9; n++) change(`e${n}`)
    // A loss within the present one is none of them.
    feed.check(at(9, 'e9'))
    expect(filled(feed, range(at(9, 'e9')))).toEqual(['reset to 9, gap'])
    // Of `e` and e1 to e8 the first one is forgotten.
    expect(late('e1')).toEqual([])
    expect(late('e')).toEqual(['disown e9'])
    // Now the oldest one is e1.
    expect(late('e2')).toEqual([])
    expect(late('e1')).toEqual(['disown e9'])
  })

  it('is not forgotten for a reset within an epoch', () => {
    const feed = following(4, {})
    feed.check(at(1, 'f'))
    feed.filled({ kind: 'lost', why: 'epoch', head: at(1, 'f') })
    for (let n = 2; n < 20; n++) {
      feed.check(at(n, 'f'))
      feed.filled(range(at(n, 'f')))
    }
    receive(feed, 4, 3)
    expect(filled(feed, range(at(19, 'f')))).toEqual([])
    // What was shown of the present epoch is none of the former ones.
    feed.check(at(1, 'g'))
    feed.filled({ kind: 'lost', why: 'epoch', head: at(1, 'g') })
    receive(feed, 20, 19, 'f')
    expect(filled(feed, range(at(1, 'g')))).toEqual(['disown g'])
  })
})

describe('what waits beyond a hole', () => {
  it('is ordered by its offsets, and each is there once', () => {
    const feed = following(2)
    for (const offset of [8, 6, 7, 6, 8, 7]) receive(feed, offset, offset - 1)
    expect(feed.heldCount).toBe(3)
    expect(receive(feed, 5, 2)).toEqual(['deliver 5', 'deliver 6', 'deliver 7', 'deliver 8'])
    expect(feed.heldCount).toBe(0)
  })

  it('is another one where it is of another epoch', () => {
    const feed = following(2)
    receive(feed, 8, 7)
    receive(feed, 8, 7, 'f')
    expect(feed.heldCount).toBe(2)
  })

  it('counts in the memory of the node for as long as it waits', () => {
    const feed = following(2)
    receive(feed, 8, 5)
    const one = memory.bytes
    receive(feed, 9, 8)
    expect(memory.bytes).toBe(2 * one)
    // From the line into the tail.
    receive(feed, 5, 2)
    expect(memory.bytes).toBe(3 * one)
    feed.close()
    expect(memory.bytes).toBe(0)
  })

  it('is no more than may be held: the newest goes, and the log is asked for it', () => {
    const feed = following(2, { heldMax: 2 })
    for (const offset of [8, 9]) receive(feed, offset, offset - 1)
    const two = memory.bytes
    receive(feed, 7, 6)
    expect([feed.heldCount, memory.bytes]).toEqual([2, two])
    // The log was asked before all of them came but the first.
    expect(filled(feed, range(at(6), message(6, 2)))).toEqual([
      'deliver 6',
      'deliver 7',
      'deliver 8',
      'fetch after 8',
    ])
    expect(filled(feed, range(at(9), message(9, 8)))).toEqual(['deliver 9'])
    expect(feed.behind).toBe(false)
  })

  it('has no more bytes than a tail may have, beside the first', () => {
    const bytes = encoded(8, 7).bytes
    for (const [room, held] of [
      [2 * bytes, 2],
      [2 * bytes - 1, 1],
      [0, 1],
    ] as const) {
      const feed = following(2, { bytes: room })
      for (const offset of [7, 8, 9]) receive(feed, offset, offset - 1)
      expect(feed.heldCount, `${room} bytes`).toBe(held)
      feed.close()
    }
  })

  it('gives its bytes back when it is delivered', () => {
    const feed = following(2, { bytes: 2 * encoded(8, 7).bytes })
    receive(feed, 4, 3)
    receive(feed, 8, 7)
    expect(receive(feed, 3, 2)).toEqual(['deliver 3', 'deliver 4'])
    receive(feed, 9, 8)
    expect(feed.heldCount).toBe(2)
  })

  it('is no more than the node has room for, beside the first', () => {
    memory = new FeedMemory(2 * encoded(8, 7).bytes, () => undefined)
    const feed = following(2)
    for (const offset of [6, 7, 8]) receive(feed, offset, offset - 1)
    expect(feed.heldCount).toBe(2)
    const other = following(2)
    for (const offset of [6, 7]) receive(other, offset, offset - 1)
    expect(other.heldCount).toBe(1)
  })

  it('holds no more of its buffer than it needs', () => {
    const feed = following(2)
    const one = encoded(8, 7)
    const large = Buffer.alloc(10_000, '1')
    const other = new Encoded({ ...message(9, 8), data: large.subarray(0, 1) })
    feed.receive(one)
    feed.receive(other)
    expect((other.message as LoggedMessage).data.buffer.byteLength).toBeLessThan(10_000)
  })
})

describe('a feed at rest', () => {
  it('is one that knows where it is, and holds nothing', () => {
    const feed = newFeed()
    expect(feed.atRest).toBe(false)
    feed.start(at(5))
    expect(feed.atRest).toBe(true)
    // Its tail is looked at, and is empty.
    expect(feed.tail.length).toBe(0)
    expect(feed.atRest).toBe(true)
    feed.close()
    expect(feed.atRest).toBe(false)
  })

  it('is none while its tail has messages', () => {
    const feed = following(5, { ttlMs: 100 })
    receive(feed, 6, 5)
    expect(feed.atRest).toBe(false)
    feed.tidy(1000)
    expect(feed.atRest).toBe(true)
  })

  it('is none while the log is to be asked, or is asked, or something waits for its answer', () => {
    const feed = following(5)
    feed.check(at(6))
    expect(feed.atRest).toBe(false)
    feed.failed()
    expect([feed.behind, feed.atRest]).toEqual([true, false])
    feed.retry()
    expect(filled(feed, range(at(5)))).toEqual([])
    expect(feed.atRest).toBe(true)
    receive(feed, 9, 8)
    expect(feed.atRest).toBe(false)
  })

  it('is none once it has seen an epoch end: a new one would not know that', () => {
    const feed = following(5)
    feed.check(at(1, 'f'))
    expect(inShort(feed.filled({ kind: 'lost', why: 'epoch', head: at(1, 'f') }))).toEqual([
      'reset to 1, epoch',
    ])
    expect([feed.behind, feed.tail.length, feed.heldCount]).toEqual([false, 0, 0])
    expect(feed.atRest).toBe(false)
  })
})

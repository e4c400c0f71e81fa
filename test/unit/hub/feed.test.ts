import { describe, expect, it } from 'vitest'
import { FeedMemory } from '../../../src/hub/feed-memory.ts'
import { Feed, type FeedDecision } from '../../../src/hub/feed.ts'
import { Encoded } from '../../../src/protocol/encode.ts'
import type { Position } from '../../../src/protocol/frames.ts'
import type { LoggedMessage } from '../../../src/protocol/message.ts'

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

function newFeed(): Feed {
  const memory = new FeedMemory(1_000_000, () => undefined)
  return new Feed({ tail: { messages: 10, bytes: 10_000, ttlMs: Infinity }, heldMax: 4, memory })
}

function following(offset: number): Feed {
  const feed = newFeed()
  feed.start(at(offset))
  return feed
}

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
    const range = { kind: 'range', messages: [message(4, 2)], head: at(9) } as const
    expect(inShort(feed.filled(range))).toEqual(['deliver 4', 'fetch after 4'])
    expect(inShort(feed.filled({ ...range, messages: [] }))).toEqual(['reset to 9, gap'])
  })

  it('is none where the answer ends at the head', () => {
    const feed = following(2)
    feed.check(at(4))
    const range = { kind: 'range', messages: [message(4, 2)], head: at(4) } as const
    expect(inShort(feed.filled(range))).toEqual(['deliver 4'])
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
    const range = { kind: 'range', messages: [message(5, 2)], head: at(5) } as const
    expect(inShort(feed.filled(range))).toEqual(['deliver 5', 'deliver 8'])
  })

  it('waits where its predecessor is beyond the position, or it is of another epoch', () => {
    const feed = newFeed()
    receive(feed, 7, 6)
    receive(feed, 8, 5, 'f')
    expect(inShort(feed.start(at(5)))).toEqual(['fetch after 5'])
    expect(feed.heldCount).toBe(2)
  })
})

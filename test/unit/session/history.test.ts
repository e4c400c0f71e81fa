import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../src/errors.ts'
import type { LoggedMessage, Message } from '../../../src/protocol/message.ts'
import type { LogRange } from '../../../src/replay/replay-log.ts'
import { pageOf, type PageRequest } from '../../../src/session/history.ts'
import { checkMayReadHistory, checkMaySubscribe } from '../../../src/session/permitted.ts'
import type { ChannelHistory, Identity } from '../../../src/session/ports.ts'
import { historyOf, membersOf } from '../../../src/session/reading.ts'

const HEAD = { epoch: 'e', offset: 100 }
const AT = { epoch: 'e', offset: 40 }

/** A message is worded as its offset and so many more bytes. */
const bytesOf = (lineBytes: number) => (message: Message) => ({
  offset: (message as LoggedMessage).offset,
  length: lineBytes,
})

/** A log of the offsets 1 to 100, and what it was asked. */
function logOf(most = 100): { readonly log: ChannelHistory; readonly asked: unknown[] } {
  const asked: unknown[] = []
  const range = (from: number, to: number): Promise<LogRange> =>
    Promise.resolve({
      kind: 'range',
      head: HEAD,
      messages: Array.from({ length: Math.max(0, Math.min(to, most) - Math.max(from, 1) + 1) }, (_, i) => ({
        offset: Math.max(from, 1) + i,
      })),
    } as unknown as LogRange)
  const log: ChannelHistory = {
    read: (after, limit) => {
      asked.push(['read', after, limit])
      return range(after.offset + 1, after.offset + limit)
    },
    last: (limit) => {
      asked.push(['last', limit])
      return range(most - limit + 1, most)
    },
    before: (position, limit) => {
      asked.push(['before', position, limit])
      return range(position.offset - limit, position.offset - 1)
    },
  }
  return { log, asked }
}

async function page(request: PageRequest, lineBytes = 1, most?: number) {
  const { log, asked } = logOf(most)
  const { messages, ...rest } = await pageOf('news', { request, worded: bytesOf(lineBytes) }, log)
  return { offsets: messages.map(({ offset }) => offset), asked, ...rest }
}

describe('a page of a log', () => {
  it('is the newest messages, fifty where no number is given, the oldest of them first', async () => {
    const { offsets, asked, ...rest } = await page({})
    expect([offsets.length, offsets[0], offsets.at(-1)]).toEqual([50, 51, 100])
    expect(rest).toEqual({ head: HEAD, more: true })
    // One more, to see whether there is another page.
    expect(asked).toEqual([['last', 51]])
  })

  it('is the newest ones before a position', async () => {
    expect(await page({ before: AT, limit: 3 })).toEqual({
      offsets: [37, 38, 39],
      asked: [['before', AT, 4]],
      head: HEAD,
      more: true,
    })
  })

  it('is the oldest ones after a position, whatever is before it', async () => {
    expect(await page({ after: AT, limit: 3 })).toEqual({
      offsets: [41, 42, 43],
      asked: [['read', AT, 4]],
      head: HEAD,
      more: true,
    })
    expect((await page({ after: AT, before: HEAD, limit: 1 })).offsets).toEqual([41])
  })

  it.each<[string, PageRequest, number[]]>([
    ['at the beginning of the log', { before: { epoch: 'e', offset: 4 }, limit: 3 }, [1, 2, 3]],
    ['at its end', { after: { epoch: 'e', offset: 97 }, limit: 3 }, [98, 99, 100]],
    ['of a log that has nothing there', { after: HEAD }, []],
  ])('says that there are no more %s', async (_, request, expected) => {
    expect(await page(request)).toMatchObject({ offsets: expected, more: false })
  })

  it('ends where it would be larger than 128 KiB, with one message at least, and goes on there', async () => {
    const third = 131_072 / 3
    expect(await page({ after: AT, limit: 10 }, Math.floor(third))).toMatchObject({
      offsets: [41, 42, 43],
      more: true,
    })
    expect(await page({ after: AT, limit: 10 }, 131_072 / 2)).toMatchObject({ offsets: [41, 42], more: true })
    expect(await page({ after: AT, limit: 10 }, 131_073)).toMatchObject({ offsets: [41], more: true })
    // Read on towards the beginning, the newest of them are what fits.
    expect(await page({ before: AT, limit: 10 }, 131_072 / 2)).toMatchObject({
      offsets: [38, 39],
      more: true,
    })
    expect(await page({}, 131_073, 1)).toMatchObject({ offsets: [1], more: false })
  })

  it.each([
    ['ahead', 'gap'],
    ['epoch', 'epoch'],
    ['trimmed', 'trimmed'],
  ] as const)('says that what was asked for is not there any more (%s)', async (why, reset) => {
    const lost = { kind: 'lost', why, head: HEAD } as unknown as LogRange
    const log = { read: () => Promise.resolve(lost) } as unknown as ChannelHistory
    expect(await pageOf('news', { request: { after: AT }, worded: bytesOf(1) }, log)).toEqual({
      head: HEAD,
      messages: [],
      more: false,
      reset,
    })
  })

  it('is none of a channel that is ephemeral', async () => {
    await expect(pageOf('typing', { request: {}, worded: bytesOf(1) }, undefined)).rejects.toMatchObject({
      code: 'bad_request',
      message: 'history: typing is ephemeral, its messages are not kept',
    })
  })
})

const identityOf = (...channels: string[]): Identity => {
  const may = (channel: string): boolean => channels.includes(channel)
  return { user: 'ann', permissions: { maySubscribe: may, mayReadHistory: may } } as unknown as Identity
}

describe('what a token allows', () => {
  it.each([
    [checkMaySubscribe, 'the token does not allow to subscribe to news'],
    [checkMayReadHistory, 'the token does not allow to read the history of news'],
  ])('is told where it is not that, but the inbox is its owner’s', (check, message) => {
    expect(() => check('news', identityOf('news'))).not.toThrow()
    expect(() => check('@inbox', identityOf())).not.toThrow()
    expect(() => check('news', identityOf('other'))).toThrow(new SluiceError('forbidden', message))
  })
})

describe('who reads', () => {
  /** Whose token allows `news` at first, and only this from the second time on that it is asked for. */
  const narrowed = (...channels: string[]): (() => Identity) => {
    let times = 0
    return () => (times++ === 0 ? identityOf('news') : identityOf(...channels))
  }

  const members = (channel: string, present: () => Identity, presence = true) => {
    const asked: string[] = []
    const answer = membersOf(channel, present, {
      policyOf: () => ({ presence }),
      presence: {
        members: (name: string) => {
          asked.push(name)
          return Promise.resolve(['ann', 'ben'])
        },
      },
    } as unknown as Parameters<typeof membersOf>[2])
    return { answer, asked }
  }

  it('who is in a channel is answered where its namespace keeps it and the token allows to subscribe', async () => {
    expect(await members('news', narrowed('news')).answer).toEqual(['ann', 'ben'])
    for (const [channel, presence] of [
      ['news', false],
      ['@inbox', true],
    ] as const) {
      const { answer, asked } = members(channel, narrowed('news'), presence)
      await expect(answer).rejects.toMatchObject({
        code: 'bad_request',
        message: `presence: the namespace of ${channel} does not keep presence`,
      })
      expect(asked).toEqual([])
    }
    const other = members('other', narrowed('other'))
    await expect(other.answer).rejects.toMatchObject({ code: 'forbidden' })
    expect(other.asked).toEqual([])
    await expect(members('news', narrowed()).answer).rejects.toMatchObject({ code: 'forbidden' })
  })

  const history = (channel: string, present: () => Identity) => {
    const asked: string[] = []
    const answer = historyOf(channel, { request: {}, worded: bytesOf(1) }, present, {
      historyOf: (name) => {
        asked.push(name)
        return logOf().log
      },
    })
    return { answer, asked }
  }

  it('a channel’s log is read by its name in the log, where the token allows that before and after', async () => {
    const own = history('@inbox', narrowed())
    expect((await own.answer).messages).toHaveLength(50)
    expect(own.asked).toEqual(['@ann'])
    const news = history('news', narrowed('news'))
    expect((await news.answer).messages).toHaveLength(50)
    expect(news.asked).toEqual(['news'])
    const other = history('other', narrowed('other'))
    await expect(other.answer).rejects.toMatchObject({ code: 'forbidden' })
    expect(other.asked).toEqual([])
    await expect(history('news', narrowed()).answer).rejects.toMatchObject({ code: 'forbidden' })
  })
})

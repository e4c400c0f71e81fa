import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/node.ts'
import type { HistoryOptions, Message, SluiceClient } from '../../src/client/index.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** The SDK and a real node: what is in a channel's log, page by page, and a state that is loaded and kept up to date. */

let node: StartedNode
let client: SluiceClient
const clients: SluiceClient[] = []

async function connected(user: string, history: readonly string[] | undefined): Promise<SluiceClient> {
  const token = await node.token(user, history === undefined ? {} : { history })
  const made = createClient({ url: `ws://127.0.0.1:${node.port}/v1/ws`, token })
  clients.push(made)
  await made.connect()
  return made
}

beforeAll(async () => {
  node = await startNode({
    namespaces: { short: { max: 10 }, passing: { delivery: 'ephemeral' } },
  })
  client = await connected('ann', ['*'])
  const numbers = Array.from({ length: 130 }, (_, n) => ({ channel: 'news', data: n }))
  await node.publish(numbers)
})
afterAll(async () => {
  for (const one of clients) one.close()
  await node.close()
})

const dataOf = (messages: readonly Message[]): unknown[] => messages.map(({ data }) => data)

/** Every page, from one end to the other. */
async function all(
  channel: string,
  next: (page: readonly Message[]) => HistoryOptions,
): Promise<unknown[][]> {
  const pages: unknown[][] = []
  let options = next([])
  for (;;) {
    const { messages, more } = await client.history(channel, options)
    pages.push(dataOf(messages))
    if (!more) return pages
    options = next(messages)
  }
}

describe('history', () => {
  it('goes back page by page, without a seam, to the first message', async () => {
    const pages = await all('news', ([first]) => ({ limit: 50, before: first?.position }))
    expect(pages.map(({ length }) => length)).toEqual([50, 50, 30])
    expect(pages.toReversed().flat()).toEqual(Array.from({ length: 130 }, (_, n) => n))
  })

  it('goes on page by page after a position, to the last one', async () => {
    const { messages, position } = await client.history('news', { limit: 100 })
    const start = messages[0]?.position
    const pages = await all('news', (page) => ({ limit: 40, after: page.at(-1)?.position ?? start }))
    expect(pages.flat()).toEqual(Array.from({ length: 99 }, (_, n) => n + 31))
    expect(messages.at(-1)?.position).toEqual(position)
  })

  it('has bytes as bytes, numbers as they came, and the inbox of its owner', async () => {
    await node.publish({
      channel: 'bytes',
      data: Buffer.from([0, 254, 255]).toString('base64'),
      encoding: 'base64',
    })
    expect(dataOf((await client.history('bytes')).messages)).toEqual([new Uint8Array([0, 254, 255])])
    await node.publish({ user: 'ann', data: 'for ann' })
    expect(dataOf((await client.history('@inbox')).messages)).toEqual(['for ann'])
  })

  it('says what is gone, and what there never was', async () => {
    const [first] = (await client.history('short')).messages
    expect(first).toBe(undefined)
    const before = (await client.history('short')).position
    await node.publish(Array.from({ length: 30 }, (_, n) => ({ channel: 'short', data: n })))
    expect(await client.history('short', { after: before })).toMatchObject({ messages: [], reset: 'trimmed' })
    expect(await client.history('short', { before: { epoch: 'another', offset: 3 } })).toMatchObject({
      reset: 'epoch',
    })
    const { messages, more } = await client.history('short')
    expect(dataOf(messages)).toEqual(Array.from({ length: 10 }, (_, n) => n + 20))
    expect(more).toBe(false)
    await expect(client.history('passing')).rejects.toMatchObject({ code: 'bad_request' })
  })

  it.each([0, 101, 1.5])('has no page of %d messages, nor one in two directions', async (limit) => {
    await expect(client.history('news', { limit })).rejects.toMatchObject({ code: 'bad_request' })
    const here = { epoch: 'e', offset: 1 }
    await expect(client.history('news', { before: here, after: here })).rejects.toThrow(/exclude each other/)
  })

  it('is for whom the token allows it, whatever else it allows', async () => {
    const other = await connected('bob', ['open*'])
    await expect(other.history('news')).rejects.toMatchObject({ code: 'forbidden' })
    expect((await other.history('open')).messages).toEqual([])
    const none = await connected('cleo', undefined)
    await expect(none.history('news')).rejects.toMatchObject({ code: 'forbidden' })
  })
})

it('sync loads a state at a position and applies exactly what comes after it', async () => {
  let total = 0
  const backend = async (n: number): Promise<void> => {
    total += n
    await node.publish({ channel: 'sum', data: n })
  }
  await backend(1)
  let shown = 0
  const subscription = client.sync<number>('sum', {
    async load() {
      // Published while it loads, and contained in what it answers.
      await backend(10)
      shown = total
      return (await client.history('sum', { limit: 1 })).position
    },
    apply({ data }) {
      shown += data
    },
  })
  await subscription.ready
  await expect.poll(() => shown).toBe(11)
  await backend(100)
  await expect.poll(() => shown).toBe(111)
  subscription.unsubscribe()
})

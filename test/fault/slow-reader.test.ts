import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
import { comesTo } from '../support/patience.ts'

/**
 * Real sockets whose reader stops. The kernel's buffers take some megabytes before a client counts as slow, so the
 * messages are large and many.
 */

const PADDING = 'x'.repeat(12_000)
const MESSAGES = 3000
const CHANNELS = ['slow:a', 'slow:b'] as const

let node: StartedNode | undefined
afterEach(() => node?.close())

interface Numbered {
  readonly channel: string
  readonly data: { readonly number: number }
}

async function publishAll(target: StartedNode): Promise<void> {
  for (let first = 0; first < MESSAGES; first += 20) {
    await target.publish(
      Array.from({ length: 20 }, (_, index) => ({
        channel: CHANNELS[index % 2] as string,
        data: { number: (first + index - (index % 2)) / 2, padding: PADDING },
      })),
    )
  }
}

const expected = Array.from({ length: MESSAGES / 2 }, (_, index) => index)

function numbersOf(messages: readonly Numbered[], channel: string): number[] {
  return messages.filter((message) => message.channel === channel).map(({ data }) => data.number)
}

async function slowWebSocket(target: StartedNode): Promise<RawClient> {
  const { client } = await RawClient.connect(`ws://127.0.0.1:${target.port}/v1/ws`, {
    token: await target.token('slow'),
  })
  for (const [ref, channel] of CHANNELS.entries()) await client.request({ type: 'subscribe', ref, channel })
  return client
}

function tcpOf(client: RawClient): Socket {
  return (client.socket as unknown as { _socket: Socket })._socket
}

describe('a client whose reader stops', () => {
  it('catches up from the tail and the log: every message once and in order', async () => {
    node = await startNode({ namespaces: { '*': { max: 100_000 } } })
    const client = await slowWebSocket(node)
    tcpOf(client).pause()
    await publishAll(node)
    expect(await node.metric('sluice_slow_consumers_total{policy="catch-up"}')).toBeGreaterThan(0)
    tcpOf(client).resume()
    const messages = (): Numbered[] =>
      client.frames.filter(({ type }) => type === 'message') as unknown as Numbered[]
    await comesTo(() => messages().length, MESSAGES)
    for (const channel of CHANNELS) expect(numbersOf(messages(), channel)).toEqual(expected)
    // Live again: what comes now comes by the fan-out.
    const replayed = await node.metric('sluice_replayed_total')
    await node.publish({ channel: 'slow:a', data: { number: -1 } })
    await expect.poll(() => messages().at(-1)?.data.number).toBe(-1)
    expect(await node.metric('sluice_replayed_total')).toBe(replayed)
  })

  it('gets a reset where the log has forgotten what it missed', async () => {
    node = await startNode({ namespaces: { '*': { max: 50 } }, feeds: { tailMessages: 10 } })
    const client = await slowWebSocket(node)
    tcpOf(client).pause()
    await publishAll(node)
    tcpOf(client).resume()
    const ends = (): number[] =>
      CHANNELS.map((channel) => client.frames.filter((frame) => frame['channel'] === channel).at(-1)).map(
        (frame) => (frame?.type === 'message' ? Number(frame['offset']) : Number(frame?.['offset'])),
      )
    await comesTo(ends, [MESSAGES / 2, MESSAGES / 2])
    for (const channel of CHANNELS) {
      let missing = 0
      let last = 0
      for (const frame of client.frames) {
        if (frame['channel'] !== channel) continue
        const offset = Number(frame['offset'])
        if (frame.type === 'reset') last = offset
        if (frame.type !== 'message') continue
        missing += offset - last - 1
        last = offset
      }
      expect(missing).toBe(0)
      expect(
        client.frames.some(({ type, ...frame }) => type === 'reset' && frame['channel'] === channel),
      ).toBe(true)
    }
  })

  it('gets only the newest message where its namespace conflates', async () => {
    node = await startNode({ namespaces: { slow: { slowConsumer: 'conflate', max: 100_000 } } })
    const client = await slowWebSocket(node)
    tcpOf(client).pause()
    await publishAll(node)
    tcpOf(client).resume()
    const messages = (): Numbered[] =>
      client.frames.filter(({ type }) => type === 'message') as unknown as Numbered[]
    const lasts = (): (number | undefined)[] =>
      CHANNELS.map((channel) => numbersOf(messages(), channel).at(-1))
    await comesTo(lasts, [MESSAGES / 2 - 1, MESSAGES / 2 - 1])
    const shown = numbersOf(messages(), 'slow:a')
    expect(shown.length).toBeLessThan(MESSAGES / 2)
    expect(shown).toEqual(shown.toSorted((a, b) => a - b))
    expect(client.frames.some(({ type }) => type === 'reset')).toBe(false)
  })

  it('4508 closes it where its namespace says so', async () => {
    node = await startNode({ namespaces: { slow: { slowConsumer: 'disconnect', max: 100_000 } } })
    const client = await slowWebSocket(node)
    tcpOf(client).pause()
    await publishAll(node)
    tcpOf(client).resume()
    expect(await client.closed).toMatchObject({ code: 4508 })
  })

  it('over the tail of a channel it is cut where its namespace says so, and the node stays', async () => {
    node = await startNode({ namespaces: { slow: { slowConsumer: 'disconnect', max: 100_000 } } })
    const socket = connect(node.apiPort, '127.0.0.1')
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const key = `Authorization: Bearer ${node.apiKey}\r\n`
    socket.write(`GET /v1/channels/slow:a/tail HTTP/1.1\r\nHost: test\r\n${key}\r\n`)
    await expect.poll(() => text).toContain('event: opened')
    socket.pause()
    await publishAll(node)
    expect(await node.metric('sluice_slow_consumers_total{policy="disconnect"}')).toBe(1)
    socket.resume()
    await closed
    const answer = await node.api('GET', '/v1/channels/slow:a')
    expect(await answer.json()).toMatchObject({ subscribers: { local: 0 } })
  })

  it('over SSE it catches up as well', async () => {
    node = await startNode({ namespaces: { '*': { max: 100_000 } } })
    const socket = connect(node.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    const query = `channels=${CHANNELS.join(',')}&token=${await node.token('slow')}`
    socket.write(`GET /v1/sse?${query} HTTP/1.1\r\nHost: test\r\n\r\n`)
    await expect.poll(() => text).toContain('event: welcome')
    socket.pause()
    await publishAll(node)
    expect(await node.metric('sluice_slow_consumers_total{policy="catch-up"}')).toBeGreaterThan(0)
    socket.resume()
    const messages = (): Numbered[] =>
      [...text.matchAll(/^data: (\{"type":"message".*\})$/gm)].map(
        (match) => JSON.parse(match[1] as string) as Numbered,
      )
    await comesTo(() => messages().length, MESSAGES)
    for (const channel of CHANNELS) expect(numbersOf(messages(), channel)).toEqual(expected)
    socket.destroy()
  })
})

/** What one request publishes is handed to subscribers in one turn of the event loop, whatever it is made of. */
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { Listener } from '../../src/drivers/uws.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** Of one topic the library sends 32 together at most. */
const MESSAGES = 30

let node: StartedNode
let client: RawClient

beforeAll(async () => {
  node = await startNode()
  const url = `ws://127.0.0.1:${node.port}/v1/ws`
  client = (await RawClient.connect(url, { token: await node.token('ann') })).client
  for (const [ref, channel] of ['news:1', 'news:2'].entries())
    expect((await client.request({ type: 'subscribe', ref, channel })).type).toBe('subscribed')
})
afterEach(() => vi.restoreAllMocks())
afterAll(() => node.close())

/** How many messages went to native topics in each turn, from now on. */
function handedByTurn(): readonly number[] {
  const turns: number[] = []
  let open = false
  // oxlint-disable-next-line typescript/unbound-method -- called with its own `this`
  const { publish } = Listener.prototype
  vi.spyOn(Listener.prototype, 'publish').mockImplementation(function (this: Listener, ...args) {
    if (!open) {
      open = true
      turns.push(0)
      setImmediate(() => (open = false))
    }
    turns[turns.length - 1] = (turns.at(-1) as number) + 1
    publish.apply(this, args)
  })
  return turns
}

it.each([
  ['an array', Array.from({ length: MESSAGES }, (_, data) => ({ channel: 'news:1', data }))],
  [
    'an array with ids',
    Array.from({ length: MESSAGES }, (_, data) => ({ channel: 'news:1', data, id: `a-${data}` })),
  ],
  [
    'an array for two channels',
    Array.from({ length: MESSAGES }, (_, data) => ({ channel: `news:${(data % 2) + 1}`, data })),
  ],
])('%s is fanned out in one turn, and reaches a subscriber as one piece', async (_what, messages) => {
  const turns = handedByTurn()
  const pieces: number[] = []
  const { _socket: socket } = client.socket as unknown as { readonly _socket: Socket }
  const heard = (piece: Buffer): void => void pieces.push(piece.length)
  socket.on('data', heard)
  await node.publish(messages)
  const data: unknown[] = []
  while (data.length < MESSAGES) data.push((await client.next('message'))['data'])
  socket.off('data', heard)
  expect(data).toEqual(messages.map((message) => message.data))
  expect(turns).toEqual([MESSAGES])
  expect(pieces.length).toBe(1)
})

import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startNode, type StartedNode } from '../support/start-node.ts'

/** A node that is told to stop and has no other one to send its clients to. */

const CLIENTS = 40

let node: StartedNode | undefined

afterEach(async () => {
  await node?.close()
  node = undefined
})

async function connect(to: StartedNode): Promise<WebSocket[]> {
  const url = `ws://127.0.0.1:${to.port}/v1/ws?token=${await to.token('ann')}`
  const sockets = Array.from({ length: CLIENTS }, () => new WebSocket(url, 'sluice.v1'))
  await Promise.all(
    sockets.map(async (socket) => {
      await once(socket, 'open')
      socket.send('{"type":"connect"}')
      await once(socket, 'message')
    }),
  )
  return sockets
}

it('closes its clients one after the other, so that they do not come back together', async () => {
  node = await startNode({ drain: { closeSpread: '1s' } })
  const sockets = await connect(node)
  const codes: number[] = []
  const closings = sockets.map(async (socket) => {
    const [code] = (await once(socket, 'close')) as [number]
    codes.push(code)
  })
  // How many are still served whenever one has been closed: all but one at first, and never many less at a time.
  const open = (): number => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length
  let before = CLIENTS
  let most = 0
  for (const socket of sockets)
    socket.once('close', () => {
      most = Math.max(most, before - open())
      before = open()
    })
  await Promise.all([node.drain(), ...closings])
  expect(codes).toEqual(Array.from({ length: CLIENTS }, () => 1012))
  expect(most).toBeLessThan(CLIENTS)
})

it('answers a poll that comes over a kept connection while it leaves with its own cursor, and ends the connection', async () => {
  node = await startNode({ drain: { closeSpread: '10s' } })
  const token = await node.token('ann')
  const poll = (cursor: string): Promise<Response> =>
    fetch(
      `http://127.0.0.1:${(node as StartedNode).port}/v1/poll?channels=news&wait=0&token=${token}${cursor}`,
    )
  const { cursor } = (await (await poll('')).json()) as { readonly cursor: string }
  // For some of them it takes a while, so that the node has not stopped yet.
  await connect(node)
  const drained = node.drain()
  await expect.poll(() => node?.metric('sluice_node_state{state="draining"}')).toBe(1)
  await expect
    .poll(async () => {
      const answer = await poll(`&cursor=${cursor}`)
      return [answer.status, answer.headers.get('connection'), await answer.json()]
    })
    .toEqual([200, 'close', { messages: [], resets: [], cursor }])
  // Who brings no cursor has no place to keep, and is told to come later.
  expect((await poll('')).status).toBe(503)
  await node.close()
  await drained
})

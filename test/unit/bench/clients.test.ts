import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { Clients } from '../../../bench/load/clients.ts'

let server: WebSocketServer | undefined
afterEach(() => server?.close())

/** Answers the first frame of each connection with what is said of it, and takes every subscription. */
async function serverThat(
  answers: (connection: number) => string,
): Promise<{ port: number; connections: () => number }> {
  const made = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'sluice.v1' })
  server = made
  let connections = 0
  made.on('connection', (socket) => {
    const answer = answers(++connections)
    socket.on('message', (data) => {
      const subscribes = (data as Buffer).toString().startsWith('{"type":"subscribe"')
      socket.send(subscribes ? '{"type":"subscribed","ref":1}' : answer)
    })
  })
  await once(made, 'listening')
  return { port: (made.address() as AddressInfo).port, connections: () => connections }
}

const WELCOME = '{"type":"welcome"}'
const refusal = (retryable: boolean): string =>
  `{"type":"error","code":"unavailable","message":"not now","retryable":${retryable}}`

it('a client of the load that is refused for a passing reason asks again, as clients do', async () => {
  const { port, connections } = await serverThat((one) => (one === 1 ? refusal(true) : WELCOME))
  const clients = new Clients('sluice', port)
  await clients.connect({ count: 3, inFlight: 1, channel: 'bench:room' })
  expect(clients.count).toBe(3)
  expect(connections()).toBe(4)
  await clients.disconnect()
})

it('one that is refused for good fails the run', async () => {
  const { port, connections } = await serverThat(() => refusal(false))
  const connecting = new Clients('sluice', port).connect({ count: 1, inFlight: 1 })
  await expect(connecting).rejects.toThrow('client 0 was told {"type":"error","code":"unavailable"')
  expect(connections()).toBe(1)
})

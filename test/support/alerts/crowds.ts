/** Faults that are made by clients, many of them or strange ones. */
import type { Socket } from 'node:net'
import type WebSocket from 'ws'
import { againAndAgain, type Fault } from './fault.ts'
import type { AlertWorld } from './world.ts'
import { RawClient, RefusedHandshake } from '../raw-client.ts'

/** A header and a body that are signed with a key that nobody knows. */
const UNKNOWN_KEY = [
  { alg: 'ES256', kid: 'k2' },
  { sub: 'ann', exp: 4_000_000_000 },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat(Buffer.alloc(64, 1).toString('base64url'))
  .join('.')
const CROWD = 2500
const AT_ONCE = 50

const socketOf = (client: RawClient): Socket => (client.socket as WebSocket & { _socket: Socket })._socket

export const cutOffs: Fault = {
  what: 'connections are reset by what is between',
  makes: [{ alert: 'SluiceConnectionsLost' }],
  begin: (world) =>
    Promise.resolve(
      againAndAgain(200, async () => {
        const clients = await Promise.all(Array.from({ length: 20 }, () => world.socket()))
        for (const client of clients) socketOf(client).resetAndDestroy()
      }),
    ),
}

export const refusedTokens: Fault = {
  what: 'clients come with tokens of another key',
  makes: [{ alert: 'SluiceTokensRefused' }],
  begin: (world) => {
    const token = `${world.env['SLUICE_TOKEN']?.split('.').slice(0, 2).join('.')}.${'A'.repeat(43)}`
    return Promise.resolve(
      againAndAgain(100, () =>
        Promise.all(Array.from({ length: 3 }, async () => shown(await world.socket(), token))),
      ),
    )
  },
}

/** Ten of them, again and again, where one a second is let in. */
export const aHerdWithoutKeys: Fault = {
  what: 'a herd comes to a node with little room, while its keys cannot be fetched',
  makes: [
    { alert: 'SluiceClientsTurnedAway', labels: { reason: 'queue_full' } },
    { alert: 'SluiceWaitingRoomFilling', labels: { job: 'alone' } },
    { alert: 'SluiceKeysUnavailable' },
  ],
  begin: (world) => {
    world.keys.isThere = false
    const url = `wss://127.0.0.1:${world.alone.port}/v1/ws`
    const knocking = Array.from({ length: 10 }, () => againAndAgain(500, () => knock(url)))
    return Promise.resolve(async () => {
      await Promise.all(knocking.map((end) => end()))
      world.keys.isThere = true
    })
  },
}

/** Turned away with a status, or let in; then a token is shown that cannot be checked. */
async function knock(url: string): Promise<void> {
  try {
    await shown(await RawClient.open(url, { rejectUnauthorized: false }), UNKNOWN_KEY)
  } catch (error) {
    if (!(error instanceof RefusedHandshake)) throw error
  }
}

/** Resolves once the gateway has closed the connection for it. */
async function shown(client: RawClient, token: string): Promise<void> {
  client.send({ type: 'connect', token })
  await client.closed
}

export const silentClients: Fault = {
  what: 'clients acknowledge nothing',
  makes: [{ alert: 'SluiceUnacknowledged' }],
  begin: async (world) => {
    const clients = await subscribed(world, 5, ['orders:1'])
    for (let i = 0; i < 60; i++) await world.publish('orders:1', i)
    return () => Promise.resolve(clients.forEach((client) => client.cut()))
  },
}

/** One after the other, since all channels of one are found slow at once. */
export const stuckReaders: Fault = {
  what: 'clients with many channels read nothing more',
  makes: [{ alert: 'SluiceSlowConsumers' }],
  begin: ({ stranger }) => {
    const url = `ws://127.0.0.1:${stranger.port}/v1/ws`
    const large = Array.from({ length: 10 }, () => ({ channel: 'stuck-0', data: 'x'.repeat(50_000) }))
    return Promise.resolve(
      againAndAgain(0, async () => {
        const { client } = await RawClient.connect(url, { token: await stranger.token('stuck') })
        for (let i = 0; i < 90; i++)
          await client.request({ type: 'subscribe', ref: i + 1, channel: `stuck-${i}` })
        socketOf(client).pause()
        for (let i = 0; i < 30; i++) await stranger.publish(large)
        client.cut()
      }),
    )
  },
}

/** All come to the one node that takes any, and then the others are back. */
export const imbalance: Fault = {
  what: 'most clients are on one node',
  makes: [{ alert: 'SluiceImbalance' }],
  begin: async (world) => {
    const others = [await world.nodeId(2), await world.nodeId(3)]
    await world.type(others.map((id) => `sluice cordon ${id}`).join('; '))
    const clients: RawClient[] = []
    while (clients.length < CROWD) {
      const users = Array.from({ length: AT_ONCE }, (_, index) => `user-${clients.length + index}`)
      clients.push(...(await Promise.all(users.map((user) => world.client({}, user)))))
    }
    await world.type(others.map((id) => `sluice uncordon ${id}`).join('; '))
    return () => Promise.resolve(clients.forEach((client) => client.cut()))
  },
}

async function subscribed(
  world: AlertWorld,
  count: number,
  channels: readonly string[],
): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => world.client()))
  for (const client of clients)
    for (const [index, channel] of channels.entries())
      await client.request({ type: 'subscribe', ref: index + 1, channel })
  return clients
}

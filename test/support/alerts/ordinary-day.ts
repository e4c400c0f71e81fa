/** What goes on in a cluster on a good day: clients of all transports who tell how fast it is, a user who is written to, and a deploy. */
import { againAndAgain } from './fault.ts'
import type { AlertWorld } from './world.ts'
import { joinAs, type Kind } from '../members.ts'

const KINDS: readonly Kind[] = ['sdk', 'sse', 'poll']
const CLIENTS = 18
/** A poll has no connection between two answers. */
const SHOWN = 12
const CHANNELS = ['news', 'room:1']
const NEW_VERSION = '2'
const TOO_LARGE = 'x'.repeat(100_000)
const LEAVING = 1000

/**
 * Resolves once its clients are there: while nobody else is, who is on a node is one of them. The rest of the day begins when it is called,
 * and is over once the node that has most has been drained, with another version after it, and all clients have left.
 */
export async function anOrdinaryDay(world: AlertWorld): Promise<() => Promise<void>> {
  const port = Number(new URL(world.env['GATEWAY'] as string).port)
  const members = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const user = `user-${index}`
      const kind = KINDS[index % KINDS.length] as Kind
      return joinAs(kind, { port, token: await world.token(user), user, channels: CHANNELS })
    }),
  )
  await Promise.all(members.map(({ ready }) => ready))
  const busiest = await world.busiestNodeId(SHOWN)
  return async () => {
    await restOfTheDay(world, busiest)
    for (const member of members) member.close()
  }
}

async function restOfTheDay(world: AlertWorld, drained: string): Promise<void> {
  let number = 0
  const ends = [
    againAndAgain(50, () => world.publish(CHANNELS[number++ % CHANNELS.length] as string, number)),
    againAndAgain(200, () => world.write('user-0', number)),
    againAndAgain(200, () => anInterestedClient(world)),
  ]
  await aForgetfulClient(world)
  await world.publish('news', TOO_LARGE)
  // Long enough to be looked at while clients move: what a node counts goes with it.
  await world.type(
    `echo ${NEW_VERSION} > $CLUSTER/version; sluice drain ${drained} --over 6s --report $CLUSTER/day.json`,
  )
  for (const end of ends) await end()
}

/** Acknowledges what is durable, publishes by itself, and says how long a message took. */
async function anInterestedClient(world: AlertWorld): Promise<void> {
  const client = await world.client({}, 'interested')
  await client.request({ type: 'subscribe', ref: 1, channel: 'orders:2' })
  await client.request({ type: 'subscribe', ref: 2, channel: 'news' })
  await client.request({ type: 'publish', ref: 3, channel: 'room:1', data: 'by a client' })
  await world.publish('orders:2', 'to be acknowledged')
  const { offset } = await client.find(({ type, ack }) => type === 'message' && ack === true)
  client.send({ type: 'ack', channel: 'orders:2', offset })
  await client.request({ type: 'probe', ref: 4, channel: 'news' })
  await client.request({ type: 'probe', ref: 5, channel: 'news' })
  client.socket.close(LEAVING)
  await client.closed
}

/** Its place is of a log that nobody has. */
async function aForgetfulClient(world: AlertWorld): Promise<void> {
  const client = await world.client({ resume: { news: { epoch: 'another', offset: 3 } } }, 'forgetful')
  await client.find(({ type }) => type === 'reset')
  client.socket.close(LEAVING)
  await client.closed
}

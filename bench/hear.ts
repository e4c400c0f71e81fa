/**
 * What a message from NATS costs a node that has subscribers and has not published it: `node --import tsx bench/hear.ts`. A factor of docs/sizing.md
 * comes from here.
 *
 * Two nodes as processes, over a nats-server and a redis-server. One takes the publishes, the other has the subscribers, of one channel; its CPU time
 * is divided by the messages, once with one subscriber and once with more. What each further one adds is the delivery; what is left is the message.
 */
import { cpuUs, publishTo, subscribers } from './lib/publishes.ts'
import { GatewayProcess } from '../test/support/gateway-process.ts'
import { NatsServer } from '../test/support/nats-server.ts'
import { RedisServer } from '../test/support/redis-server.ts'
import { freePorts, temporaryDirectory } from '../test/support/server-process.ts'

const SUBSCRIBERS = [1, 11] as const
const WARM_UP = 5000
const MESSAGES = 10_000
const ROUNDS = 3

const directory = temporaryDirectory('hear')
const [nats, redis, ports] = await Promise.all([NatsServer.start(), RedisServer.start(), freePorts(4)])
const settings = { nats: { url: [nats.url] }, redis: { url: [redis.url] } }
const talks = new GatewayProcess([ports[0] as number, ports[1] as number], directory.path, settings)
const hears = new GatewayProcess([ports[2] as number, ports[3] as number], directory.path, settings)
await Promise.all([talks.start(), hears.start()])

async function perMessageUs(count: number, channel: string): Promise<number> {
  const clients = await subscribers(hears, channel, count)
  await publishTo(talks, clients, channel, WARM_UP)
  const before = await cpuUs(hears)
  await publishTo(talks, clients, channel, MESSAGES)
  const spent = ((await cpuUs(hears)) - before) / MESSAGES
  for (const client of clients) client.cut()
  return spent
}

try {
  for (let round = 1; round <= ROUNDS; round++) {
    const [few, many] = SUBSCRIBERS
    const withFew = await perMessageUs(few, `few-${round}`)
    const withMany = await perMessageUs(many, `many-${round}`)
    const delivery = (withMany - withFew) / (many - few)
    console.log(
      `${few} subscriber: ${withFew.toFixed(1)} µs a message; ${many}: ${withMany.toFixed(1)} µs; ` +
        `a delivery: ${delivery.toFixed(1)} µs; a message from NATS: ${(withFew - few * delivery).toFixed(1)} µs`,
    )
  }
} finally {
  await Promise.all([talks.kill(), hears.kill()])
  await Promise.all([nats.stop(), redis.stop()])
  directory.remove()
}

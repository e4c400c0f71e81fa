/** The program on the host of the clients: everybody who uses the cluster, and the history of what they were told. */
import { GATEWAYS } from '../fault.ts'
import { HistoryWriter, PRESENCE } from '../history.ts'
import { patientMs } from '../../support/patience.ts'
import type { LoadClient } from './client.ts'
import { Front } from './front.ts'
import { CHANNELS, join, userOf } from './population.ts'
import { Awaited } from './progress.ts'
import { Publishers } from './publishers.ts'
import type { SdkLoadClient } from './sdk-client.ts'
import { askPresence, falls, readLog } from './settling.ts'
import { linesOf, type LoadOptions, type Order, type Word } from './talk.ts'
import { Twins } from './twins.ts'

/** It is over when nothing has come for so long. */
const STILL_MS = patientMs(45_000)
/** A reset after the last message of a channel may stand in its place; then one more is sent. */
const LAST_MAX = 6

const options = JSON.parse(process.argv[2] as string) as LoadOptions
const { gateways, nats, seed, perSecond } = options
const history = new HistoryWriter(options.history)
const front = await Front.open(gateways)
const clients: LoadClient[] = []
const recovery = new Awaited()
const last = new Awaited()
let recovering: number | undefined
let resets = 0
let joined = 0

function say(word: Word): void {
  process.stdout.write(`${JSON.stringify(word)}\n`)
}

function heard(client: string, channel: string, message: number | 'reset'): void {
  if (message === 'reset') {
    resets++
    return
  }
  last.heard(client, channel, message)
  recovery.heard(client, channel, message)
  if (recovering === undefined || recovery.size > 0) return
  say({ said: 'recovered', round: recovering })
  recovering = undefined
}

async function oneMore(): Promise<LoadClient> {
  const client = await join(joined++, { port: front.port, history, heard })
  clients.push(client)
  return client
}

const first = await Promise.all(Array.from({ length: options.clients }, () => oneMore()))
await Promise.all(first.map(({ ready }) => ready))
const inboxes = [...new Set(first.map((_, index) => `@${userOf(index)}`))]
const sdks = first.filter((client): client is SdkLoadClient => client.options.transport === 'sdk')
const publishers = new Publishers({
  gateways,
  nats,
  channels: [...CHANNELS, ...CHANNELS, ...inboxes],
  perSecond,
  seed,
  history,
  clients: sdks,
})
const twins = new Twins({ gateways, history, seed })
publishers.start()
twins.start()
say({ said: 'ready' })

for await (const order of linesOf<Order>(process.stdin)) await obey(order)
process.exit(0)

async function obey(order: Order): Promise<void> {
  switch (order.do) {
    case 'fault':
      history.write({ kind: 'fault', round: order.round, name: order.name, on: order.on })
      break
    case 'ended':
      history.write({ kind: 'ended', host: order.host, how: order.how })
      break
    case 'await recovery':
      recovering = order.round
      for (const { options: who } of clients) {
        for (const channel of who.channels) recovery.await(who.name, channel, publishers.number + 1)
      }
      break
    case 'one more client':
      await oneMore()
      break
    case 'settle':
      await settle()
      break
  }
}

async function settle(): Promise<void> {
  publishers.stop()
  await falls(() => publishers.underWay, STILL_MS)
  await Promise.race([Promise.all(clients.map(({ ready }) => ready)), patience()])
  for (let round = 0; round < LAST_MAX; round++) {
    const resetsBefore = resets
    await lastMessages()
    const all = await falls(() => last.size, STILL_MS)
    if (!all) say({ said: 'note', text: `still awaited: ${last.size}, such as ${last.some}` })
    if (resets === resetsBefore) break
  }
  for (const [index, node] of gateways.entries()) {
    for (const channel of CHANNELS)
      await readLog(history, node, channel).catch((error: unknown) => note(index, error))
  }
  const halls = CHANNELS.filter((channel) => channel.startsWith(`${PRESENCE}:`))
  for (const hall of halls) await askPresence(history, sdks[0] as SdkLoadClient, hall, clients, STILL_MS)
  await twins.settle(STILL_MS)
  await heardOfResets()
  history.write({ kind: 'end' })
  for (const client of clients) client.close()
  await publishers.close()
  await history.close()
  say({ said: 'settled' })
}

function note(index: number, error: unknown): void {
  say({ said: 'note', text: `the log cannot be read at ${GATEWAYS[index]}: ${(error as Error).message}` })
}

/** What comes last on each channel: once it is there, everything before it is, or never comes. */
async function lastMessages(): Promise<void> {
  const numbers = new Map<string, number>()
  const confirmed = [...CHANNELS, ...inboxes].map((channel) => {
    const one = publishers.last(channel)
    numbers.set(channel, one.message)
    return one.confirmed
  })
  for (const { options: who } of clients) {
    for (const channel of [...who.channels, `@${who.user}`]) {
      const number = numbers.get(channel)
      if (number !== undefined) last.await(who.name, channel, number)
    }
  }
  await Promise.all(confirmed)
}

/** Each application is told of each reset in the end, by the `delay` of it. */
async function heardOfResets(): Promise<void> {
  const owing = (): string[] =>
    clients.flatMap((client) =>
      'owed' in client
        ? (client as SdkLoadClient).owed().map((channel) => `${client.options.name} ${channel}`)
        : [],
    )
  await falls(() => owing().length, STILL_MS)
  for (const one of owing()) {
    const [client = '', channel = ''] = one.split(' ')
    history.write({ kind: 'final', client, what: `${channel} was reset, and onReset was never called` })
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, STILL_MS))
}

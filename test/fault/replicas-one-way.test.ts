import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { JetStream } from '../../src/drivers/jetstream.ts'
import type { NatsLink } from '../../src/drivers/nats.ts'
import { SluiceError } from '../../src/errors.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import { JetStreamReplayLog } from '../../src/replay/jetstream.ts'
import { openNats } from '../support/nats-links.ts'
import { newerNats } from '../support/nats-server.ts'
import { comesTo } from '../support/patience.ts'
import { ServerProcess, temporaryDirectory } from '../support/server-process.ts'
import { Namespaces } from '../torture/network/namespaces.ts'

/** Three servers with a stream on all of them are killed at once, and come back while one does not hear another. */

const HOSTS = ['n0', 'n1', 'n2'] as const
const CHANNEL = 'jobs:1'
const POLICY = { ttlMs: 600_000, max: 100_000, idempotencyMs: 120_000 }
const ALL = 100_000
const CUTS = [
  ['n0', 'n1'],
  ['n1', 'n2'],
  ['n2', 'n0'],
] as const
/** Publishes in each part of a round. */
const PART = 40

const { program, missing } = newerNats()
const hindrance = missing ?? Namespaces.hindrance()

let ends: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  ends = []
})

class Servers {
  readonly #network: Namespaces
  readonly #directory = temporaryDirectory('replicas')
  #processes: readonly ServerProcess[] = []

  constructor(network: Namespaces) {
    this.#network = network
    ends.push(() => this.#directory.remove())
    ends.push(() => this.kill())
  }

  url(host: string): string {
    return `nats://${this.#network.address(host)}:4222`
  }

  async kill(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()))
  }

  /** With the streams that they have on disk. */
  async start(): Promise<void> {
    this.#processes = await Promise.all(
      HOSTS.map((host) => {
        const directory = join(this.#directory.path, host)
        mkdirSync(directory, { recursive: true })
        const file = join(directory, 'nats.conf')
        const routes = HOSTS.filter((other) => other !== host).map(
          (other) => `nats://${this.#network.address(other)}:6222`,
        )
        const lines = [
          `server_name: ${host}`,
          `listen: ${this.#network.address(host)}:4222`,
          'ping_interval: 2s',
          `jetstream { store_dir: "${join(directory, 'jetstream')}", max_mem: 64MB, max_file: 256MB }`,
          `cluster { name: test, listen: ${this.#network.address(host)}:6222, routes: [${routes.join(', ')}] }`,
        ]
        writeFileSync(file, lines.join('\n'))
        const [command = '', ...args] = this.#network.on(host, [program, '-c', file])
        return ServerProcess.start({ program: command, args, install: '', ready: 'Server is ready' })
      }),
    )
  }
}

interface Member {
  readonly link: NatsLink
  readonly log: JetStreamReplayLog
}

async function member(url: string): Promise<Member> {
  const link = await openNats(url)
  ends.push(() => link.close())
  const log = new JetStreamReplayLog(new JetStream(link), systemClock, {
    maxAgeMs: 600_000,
    replicas: 3,
    idempotencyMs: POLICY.idempotencyMs,
  })
  ends.push(() => log.close())
  return { link, log }
}

/** The answer after the failures, which are of the only kind that there may be. */
async function onceItServes<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'unavailable') throw error
      await pause(50)
    }
  }
}

/** All that the stream has of the channel, by the log of one member. */
async function contentOf({ log }: Member, epoch: string): Promise<string[]> {
  const range = await log.read(CHANNEL, { epoch, offset: 0 }, ALL)
  if (range.kind === 'lost') return [range.why]
  return range.messages.map(({ offset, data }: LoggedMessage) => `${offset} ${data.toString()}`)
}

describe.skipIf(hindrance !== undefined)(
  `a stream with three replicas${hindrance === undefined ? '' : ` (${hindrance})`}`,
  () => {
    it('has at each replica all that was confirmed, once and in the same places, after kills of all servers and cuts one way', async () => {
      const network = await Namespaces.create(HOSTS, 1)
      ends.push(() => network.close())
      const servers = new Servers(network)
      await servers.start()
      const members = await Promise.all(HOSTS.map((host) => member(servers.url(host))))
      const confirmed: string[] = []
      let epoch = ''
      let count = 0
      const publish = async (): Promise<void> => {
        const text = String(count++)
        const { log } = members[count % members.length] as Member
        const message: NewMessage = { data: Buffer.from(text), binary: true, id: text, time: 0 }
        // Again and again, with the id: perhaps an earlier one got through.
        const appended = await onceItServes(() => log.append(CHANNEL, message, POLICY))
        epoch = appended.epoch
        confirmed.push(`${appended.offset} ${text}`)
      }
      const some = async (): Promise<void> => {
        for (let i = 0; i < PART; i++) await publish()
      }
      await some()
      for (const [from, to] of CUTS) {
        // In the middle of it.
        const under = Promise.all([some(), some()])
        await servers.kill()
        await network.lie([{ from: [from], to: [to], rule: { loss: 1 } }])
        await servers.start()
        await under
        await network.lie([])
        await some()
      }
      const sorted = confirmed.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      expect(new Set(confirmed.map((one) => one.split(' ')[0])).size).toBe(confirmed.length)
      // Each replica leads in turn, and what is read comes from the one that does.
      const leaders = new Set<string>()
      const link = (members[0] as Member).link
      const leader = async (): Promise<string | undefined> => {
        const answer = await link.request('$JS.API.STREAM.INFO.SLUICE', Buffer.alloc(0), 2000)
        return (JSON.parse(answer.data.toString()) as { cluster?: { leader?: string } }).cluster?.leader
      }
      const look = async (): Promise<number> => {
        const before = await leader().catch(() => undefined)
        if (before === undefined) return leaders.size
        for (const one of members) expect(await onceItServes(() => contentOf(one, epoch))).toEqual(sorted)
        if ((await leader().catch(() => undefined)) === before) leaders.add(before)
        await link
          .request('$JS.API.STREAM.LEADER.STEPDOWN.SLUICE', Buffer.alloc(0), 2000)
          .catch(() => undefined)
        return leaders.size
      }
      await comesTo(look, HOSTS.length)
    })
  },
)

import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { StreamEntry, StreamSubject } from '../../src/drivers/jetstream-port.ts'
import { JetStream } from '../../src/drivers/jetstream.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { SluiceError } from '../../src/errors.ts'
import { JetStreamReplayLog } from '../../src/replay/jetstream.ts'
import type { Appended, LogPolicy } from '../../src/replay/replay-log.ts'
import { NATS_PATIENCE_MS } from '../support/nats-links.ts'
import { NatsCluster, newerNats, type NatsServer } from '../support/nats-server.ts'
import { because } from '../support/skip-reason.ts'
import { ALL, expectChain, message, messagesOf, positionOf, text } from './replay-log-subject.ts'

const POLICY: LogPolicy = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }

const { program, missing } = newerNats()

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

/** Each client begins at another server, of which one leads the stream and two follow. */
describe.skipIf(missing !== undefined)(`JetStreamReplayLog with three replicas${because(missing)}`, () => {
  let cluster: NatsCluster
  let links: NatsLink[]
  let logs: JetStreamReplayLog[]

  beforeAll(async () => {
    cluster = await NatsCluster.start(program)
    links = cluster.urls.map((url, i) => {
      return new NatsLink({ urls: [url, ...cluster.urls.filter((other) => other !== url)], name: `n${i}` })
    })
    for (const link of links) link.start()
    await Promise.all(links.map((link) => link.flush(NATS_PATIENCE_MS)))
    logs = links.map((link) => {
      return new JetStreamReplayLog(new JetStream(link), systemClock, {
        maxAgeMs: 600_000,
        idempotencyMs: 600_000,
        replicas: 3,
      })
    })
    // A stream takes a moment to find its leader, and each server another one to hear from the others who takes what is published.
    while (!logs.every((log) => log.healthy())) await pause()
    for (const log of logs) await takesAppends(log)
  })
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()))
    await Promise.all(links.map((link) => link.close()))
    await cluster.stop()
  })

  async function takesAppends(log: JetStreamReplayLog): Promise<void> {
    for (;;) {
      try {
        await log.append('first', message('0'), POLICY)
        return
      } catch (error) {
        if (!(error instanceof SluiceError && error.code === 'unavailable')) throw error
        await pause()
      }
    }
  }

  function logAt(i: number): JetStreamReplayLog {
    return logs[i % logs.length] as JetStreamReplayLog
  }

  it('L1 each answer of three logs that append to one inbox at once names the true predecessor', async () => {
    const start = await logAt(0).head('@a')
    const appended = await Promise.all(
      Array.from({ length: 60 }, (_, i) => logAt(i).append('@a', message(String(i)), POLICY)),
    )
    const chain = appended.toSorted((a, b) => a.offset - b.offset)
    expect(chain.map(({ previous }) => previous)).toEqual([
      start.offset,
      ...chain.slice(0, -1).map(({ offset }) => offset),
    ])
    expectChain(messagesOf(await logAt(1).read('@a', start, ALL)), start)
  })

  it('L1 what was confirmed is read at once, wherever the reader is connected', async () => {
    const start = await logAt(0).head('b')
    for (let i = 0; i < 30; i++) {
      const appended = positionOf(await logAt(i).append('b', message(String(i)), POLICY))
      expect(await logAt(i + 1).head('b')).toEqual(appended)
      expect(messagesOf(await logAt(i + 2).read('b', start, ALL)).length).toBe(i + 1)
    }
  })

  it('L2 an id that comes many times at once is stored once, and all are told where', async () => {
    const start = await logAt(0).head('e')
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        logAt(i).append('e', message(String(i), { id: `id ${i % 4}` }), POLICY),
      ),
    )
    const offsets = messagesOf(await logAt(0).read('e', start, ALL)).map(({ offset }) => offset)
    expect(offsets.length).toBe(4)
    expect(new Set(answers.map(({ offset }) => offset))).toEqual(new Set(offsets))
  })

  it('L2 a repeated id is a duplicate at every server', async () => {
    const first = await logAt(0).append('@c', message('0', { id: 'same' }), POLICY)
    await logAt(1).append('@c', message('1'), POLICY)
    for (const i of [0, 1, 2]) {
      const again = await logAt(i).append('@c', message('again', { id: 'same' }), POLICY)
      expect(again).toMatchObject({ ...positionOf(first), duplicate: true })
    }
  })

  it('L4 a stream that was made without a word of its epoch is given the one that it had, and keeps all it has', async () => {
    const link = links[0] as NatsLink
    const manager = await jetstreamManager(link.connection as NonNullable<typeof link.connection>)
    const appended = await logAt(0).append('f', message('0'), POLICY)
    const { config } = await manager.streams.info('SLUICE')
    const epochs = Object.entries(config.metadata ?? {}).filter(([, value]) => value === appended.epoch)
    expect(epochs.length).toBe(1)
    const [[key]] = epochs as [[string, string]]
    await manager.streams.update('SLUICE', { metadata: {} })
    const { created, config: bare } = await manager.streams.info('SLUICE')
    expect(bare.metadata?.[key]).toBeUndefined()
    const late = new JetStreamReplayLog(new JetStream(link), systemClock, {
      maxAgeMs: 600_000,
      idempotencyMs: 600_000,
      replicas: 3,
    })
    await late.ready()
    expect(late.epoch).toBe(Date.parse(created).toString(36))
    expect((await manager.streams.info('SLUICE')).config.metadata?.[key]).toBe(late.epoch)
    const range = await late.read('f', { epoch: late.epoch as string, offset: appended.previous }, ALL)
    expect(messagesOf(range).map(({ data }) => text(data))).toEqual(['0'])
    await late.close()
    // The others are of the epoch before: they look, and go over to it.
    await expect
      .poll(() => logs.map(({ epoch }) => epoch), { timeout: NATS_PATIENCE_MS })
      .toEqual(logs.map(() => late.epoch))
  })

  it('L3 a position that only a leader without followers does not know of is no loss: the reader is asked to come again', async () => {
    const [first, second] = [
      await logAt(0).append('g', message('0'), POLICY),
      await logAt(0).append('g', message('1'), POLICY),
    ]
    const link = links[0] as NatsLink
    const late = { data: Buffer.alloc(0), sequence: first.offset }
    const answers: StreamEntry[] = []
    const js = new Proxy(new JetStream(link), {
      get(target, name) {
        // As a leader answers that has been cut off before the last message was stored.
        if (name === 'newest') return async (where: StreamSubject) => answers.shift() ?? target.newest(where)
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const log = new JetStreamReplayLog(js, systemClock, {
      maxAgeMs: 600_000,
      idempotencyMs: 600_000,
      replicas: 3,
    })
    await log.ready()
    answers.push(late)
    const at = positionOf(second)
    await expect(log.read('g', at, ALL)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await log.read('g', at, ALL)).toEqual({ kind: 'range', messages: [], head: at })
    // What nobody has is still lost.
    const beyond = { ...at, offset: at.offset + 1000 }
    expect(await log.read('g', beyond, ALL)).toEqual({ kind: 'lost', why: 'ahead', head: at })
    await log.close()
  })

  // The last: it takes a server away.
  it('L4 nothing that was confirmed is lost with the server that leads, and the epoch stays', async () => {
    const appended: Appended[] = []
    for (let i = 0; i < 20; i++) {
      appended.push(await logAt(i).append('d', message(String(i), { id: String(i) }), POLICY))
    }
    const leader = await leaderOf(cluster.servers)
    await leader.kill()
    for (let i = 20; i < 40; i++) appended.push(await repeated(logAt(i), String(i)))
    const start = { epoch: logAt(0).epoch as string, offset: (appended[0] as Appended).previous }
    expect(new Set(appended.map(({ epoch }) => epoch)).size).toBe(1)
    await expect
      .poll(async () => {
        const range = await logAt(0)
          .read('d', start, ALL)
          .catch(() => undefined)
        return range?.kind === 'range' ? range.messages.map(({ data }) => text(data)) : undefined
      })
      .toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
  })

  /** As a publisher does: with the same id, until it is confirmed. */
  async function repeated(log: JetStreamReplayLog, data: string): Promise<Appended> {
    for (const until = Date.now() + NATS_PATIENCE_MS; Date.now() < until;) {
      try {
        return await log.append('d', message(data, { id: data }), POLICY)
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    return expect.unreachable('the stream found no other leader')
  }
})

async function leaderOf(servers: readonly NatsServer[]): Promise<NatsServer> {
  for (const [i, server] of servers.entries()) {
    const found = (await server.monitor('/jsz?streams=1')) as {
      account_details?: { stream_detail?: { name: string; cluster?: { leader?: string } }[] }[]
    }
    const details = found.account_details?.flatMap(({ stream_detail: streams }) => streams ?? []) ?? []
    if (details.some(({ name, cluster }) => name === 'SLUICE' && cluster?.leader === `n${i}`)) return server
  }
  return expect.unreachable('no server leads the stream')
}

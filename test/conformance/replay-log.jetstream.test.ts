import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, describe, expect, it } from 'vitest'
import type { Answer } from '../../src/answer.ts'
import { systemClock } from '../../src/clock.ts'
import { JetStream } from '../../src/drivers/jetstream.ts'
import { decodeRepublished } from '../../src/drivers/nats-republished.ts'
import { subjectOf } from '../../src/drivers/nats-subject.ts'
import type { NatsLink } from '../../src/drivers/nats.ts'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import { JetStreamReplayLog } from '../../src/replay/jetstream.ts'
import type { JetStreamReplayLogOptions } from '../../src/replay/jetstream-options.ts'
import type { Appended, LogPolicy, LogRange, ReplayLog } from '../../src/replay/replay-log.ts'
import { NATS_PATIENCE_MS, openNats } from '../support/nats-links.ts'
import { NatsServer } from '../support/nats-server.ts'
import { ALL, expectChain, message, messagesOf, positionOf, text } from './replay-log-subject.ts'
import type { OpenReplayLog, Skips } from './replay-log-subject.ts'
import { describeReplayLog, LEAVES_EPOCHS, REMOVES } from './replay-log.suite.ts'

const NO_COUNT = 'a stream limits all subjects alike, so no channel has a maximum of its own'
const SKIPS: Skips = {
  'L5 no more than twice the maximum is kept, always the newest': NO_COUNT,
  'L3 a reader whose next message is gone is told, others get all': NO_COUNT,
  [LEAVES_EPOCHS]: 'no two servers of a stream take messages at the same time',
  [REMOVES]: 'messages leave by their age only',
}
const SENT_ON = 'the predecessor is in the copy that the stream sends on, not in the answer'

describeReplayLog(
  'JetStreamReplayLog',
  opener((log) => log),
  {
    ...SKIPS,
    'L1 offsets grow, and each message carries its predecessor’s': SENT_ON,
    'L1 the answer to an append is what readers see': SENT_ON,
  },
)

describeReplayLog(
  'JetStreamReplayLog with inboxes',
  opener((log) => new Inboxes(log)),
  SKIPS,
)

/** The same channels as inboxes. */
class Inboxes implements ReplayLog {
  readonly #log: ReplayLog

  constructor(log: ReplayLog) {
    this.#log = log
  }

  append(channel: string, given: NewMessage, policy: LogPolicy): Answer<Appended> {
    return this.#log.append(`@${channel}`, given, policy)
  }

  async read(channel: string, after: Position, limit: number): Promise<LogRange> {
    return renamed(await this.#log.read(`@${channel}`, after, limit), channel)
  }

  async last(channel: string, count: number): Promise<LogRange> {
    return renamed(await this.#log.last(`@${channel}`, count), channel)
  }

  async head(channel: string): Promise<Position> {
    return this.#log.head(`@${channel}`)
  }

  disown(channel: string, epoch: string): Promise<void> {
    return this.#log.disown(`@${channel}`, epoch)
  }

  remove(channel: string): Promise<void> {
    return this.#log.remove(`@${channel}`)
  }

  healthy(): boolean {
    return this.#log.healthy()
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

function renamed(range: LogRange, channel: string): LogRange {
  if (range.kind === 'lost') return range
  return { ...range, messages: range.messages.map((one) => ({ ...one, channel })) }
}

function opener(asSeen: (log: JetStreamReplayLog) => ReplayLog): OpenReplayLog {
  return async ({ ttlMs, idempotencyMs }) => {
    const server = await NatsServer.start()
    const links = [await openNats(server.url), await openNats(server.url)] as const
    const options = { maxAgeMs: ttlMs, idempotencyMs, storage: 'memory' } as const
    const logs = links.map((link) => new JetStreamReplayLog(new JetStream(link), systemClock, options))
    await Promise.all(logs.map((log) => log.ready()))
    const [one, other] = logs.map(asSeen) as [ReplayLog, ReplayLog]
    return {
      one,
      other,
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      // Memory is what a server loses when it ends.
      async lose() {
        const epochs = logs.map(({ epoch }) => epoch)
        await server.restart()
        await Promise.all(links.map((link) => link.flush(NATS_PATIENCE_MS)))
        await expect
          .poll(() => logs.map((log, i) => log.healthy() && log.epoch !== epochs[i]))
          .toEqual([true, true])
      },
      async close() {
        await Promise.all(logs.map((log) => log.close()))
        await Promise.all(links.map((link) => link.close()))
        await server.stop()
      },
    }
  }
}

const POLICY: LogPolicy = { ttlMs: 600_000, max: 1000, idempotencyMs: 600_000 }
const UNAVAILABLE = { name: 'SluiceError', code: 'unavailable' }

describe('JetStreamReplayLog', () => {
  let closing: (() => Promise<void> | void)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function serve(): Promise<NatsServer> {
    const server = await NatsServer.start()
    closing.push(() => server.stop())
    return server
  }

  async function connect(
    server: NatsServer,
    options: Partial<JetStreamReplayLogOptions> = {},
    timeoutMs = 2000,
  ): Promise<{ log: JetStreamReplayLog; link: NatsLink }> {
    const link = await openNats(server.url)
    closing.push(() => link.close())
    const js = new JetStream(link, { timeoutMs })
    const log = new JetStreamReplayLog(js, systemClock, {
      maxAgeMs: 600_000,
      idempotencyMs: 600_000,
      ...options,
    })
    closing.push(() => log.close())
    return { log, link }
  }

  async function opened(server: NatsServer, options: Partial<JetStreamReplayLogOptions> = {}) {
    const found = await connect(server, options)
    await found.log.ready()
    return found
  }

  function callsOf(log: ReplayLog): (() => Promise<unknown>)[] {
    return [
      async () => log.append('a', message('x'), POLICY),
      async () => log.append('@a', message('x'), POLICY),
      () => log.read('a', { epoch: 'e', offset: 1 }, ALL),
      () => log.last('a', 1),
      async () => log.head('a'),
    ]
  }

  it('every call fails with unavailable while the server is away, and goes on with the same epoch after', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    const before = await log.append('@a', message('before', { id: 'once' }), POLICY)
    await server.kill()
    await expect.poll(() => log.healthy()).toBe(false)
    for (const call of callsOf(log)) await expect(call()).rejects.toMatchObject(UNAVAILABLE)
    await server.restart()
    await link.flush(NATS_PATIENCE_MS)
    await expect.poll(() => log.healthy()).toBe(true)
    const again = await log.append('@a', message('again', { id: 'once' }), POLICY)
    expect(again).toMatchObject({ ...positionOf(before), duplicate: true })
    const after = await log.append('@a', message('after'), POLICY)
    expect(after).toMatchObject({ epoch: before.epoch, previous: before.offset, duplicate: false })
    const read = messagesOf(await log.read('@a', positionOf(before), ALL))
    expect(read.map(({ data }) => text(data))).toEqual(['after'])
  })

  it('every call fails with unavailable after its time limit while the server hangs', async () => {
    const server = await serve()
    const { log, link } = await connect(server, {}, 200)
    await log.ready()
    server.pause()
    try {
      // The signal takes a moment.
      await expect.poll(() => link.flush(50).catch((error: unknown) => error)).toMatchObject(UNAVAILABLE)
      const outcomes = await Promise.allSettled(callsOf(log).map((call) => call()))
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
      }
    } finally {
      server.resume()
    }
  })

  it('L4 a stream that was deleted under a running log comes back with a new epoch', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    const { log: other } = await opened(server)
    const before = positionOf(await log.append('a', message('x'), POLICY))
    await (await manager(link)).streams.delete('SLUICE')
    await expect(log.append('a', message('lost'), POLICY)).rejects.toMatchObject(UNAVAILABLE)
    await expect.poll(() => log.epoch !== before.epoch).toBe(true)
    const after = await log.append('a', message('y'), POLICY)
    expect(after.epoch).not.toBe(before.epoch)
    // The other one has not been told, and finds out by itself.
    const found = await other.append('a', message('z'), POLICY)
    expect([before.epoch, after.epoch]).toContain(found.epoch)
    await expect
      .poll(async () => (await other.read('a', before, ALL).catch(() => undefined))?.kind)
      .toBe('lost')
    expect((await other.head('a')).epoch).toBe(after.epoch)
  })

  it('L4 a number that was there before is of a new epoch, though nobody told of another stream', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    const { log: other } = await opened(server)
    const before = await log.append('a', message('0'), POLICY)
    await log.append('a', message('1'), POLICY)
    const streams = await manager(link)
    await streams.streams.delete('SLUICE')
    await expect(other.append('a', message('lost'), POLICY)).rejects.toMatchObject(UNAVAILABLE)
    await expect.poll(() => other.healthy() && other.epoch !== before.epoch).toBe(true)
    expect((await log.append('a', message('2'), POLICY)).epoch).toBe(other.epoch)
  })

  it('L1 each answer of two logs that append to one inbox at once names the true predecessor', async () => {
    const server = await serve()
    const logs = [(await opened(server)).log, (await opened(server)).log] as const
    const start = await logs[0].head('@a')
    const appended = await Promise.all(
      Array.from({ length: 300 }, async (_, i) =>
        (logs[i % 2] as ReplayLog).append('@a', message(String(i)), POLICY),
      ),
    )
    const chain = appended.toSorted((a, b) => a.offset - b.offset)
    expect(chain.map(({ previous }) => previous)).toEqual([
      start.offset,
      ...chain.slice(0, -1).map(({ offset }) => offset),
    ])
  })

  it('L1 an answer names the true predecessor among messages of other channels', async () => {
    const server = await serve()
    const logs = [(await opened(server)).log, (await opened(server)).log] as const
    const first = await logs[0].append('@a', message('0'), POLICY)
    await logs[0].append('b', message('between'), POLICY)
    const second = await logs[1].append('@a', message('1'), POLICY)
    await logs[0].append('b', message('between'), POLICY)
    const third = await logs[0].append('@a', message('2'), POLICY)
    expect([first.previous, second.previous, third.previous]).toEqual([0, first.offset, second.offset])
  })

  it('L2 a repeated id is a duplicate for a log that knows a wrong predecessor', async () => {
    const server = await serve()
    const logs = [(await opened(server)).log, (await opened(server)).log] as const
    const first = await logs[0].append('@a', message('0', { id: 'same' }), POLICY)
    await logs[0].append('@a', message('1'), POLICY)
    const again = await logs[1].append('@a', message('again', { id: 'same' }), POLICY)
    expect(again).toMatchObject({ ...positionOf(first), duplicate: true })
    expect(messagesOf(await logs[1].last('@a', ALL)).length).toBe(2)
  })

  it('L3 what maxBytes has trimmed is told to whoever missed it, and to nobody else', async () => {
    const server = await serve()
    const { log } = await opened(server, { maxBytes: 20_000 })
    const { log: late } = await opened(server, { maxBytes: 20_000 })
    const silent = await log.head('silent')
    const quiet = positionOf(await log.append('quiet', message('last'), POLICY))
    const appended: Appended[] = []
    for (let i = 0; i < 100; i++) {
      appended.push(await log.append('busy', message(`${i} ${'.'.repeat(500)}`), POLICY))
      // A feed compares with the head now and then.
      await log.head('silent')
      await log.head('quiet')
    }
    const kept = messagesOf(await late.last('busy', ALL))
    expect(kept.length).toBeGreaterThan(10)
    expect(kept.length).toBeLessThan(60)
    const oldest = kept[0] as LoggedMessage
    for (const position of appended.map(positionOf)) {
      const range = await late.read('busy', position, ALL)
      if (position.offset < oldest.previous) expect(range).toMatchObject({ kind: 'lost', why: 'trimmed' })
      else expect(messagesOf(range)).toEqual(kept.filter(({ offset }) => offset > position.offset))
    }
    expect(await log.read('quiet', quiet, ALL)).toEqual({ kind: 'range', messages: [], head: quiet })
    expect(await log.read('silent', silent, ALL)).toEqual({ kind: 'range', messages: [], head: silent })
    // Who has not looked cannot know.
    expect(await late.read('quiet', quiet, ALL)).toMatchObject({ kind: 'lost', why: 'trimmed' })
  })

  it('L3 what is read while maxBytes trims it has no hole', async () => {
    const server = await serve()
    const { log } = await opened(server, { maxBytes: 10_000 })
    const { log: reader } = await opened(server, { maxBytes: 10_000 })
    let here: Position = await reader.head('busy')
    let writing = true
    const written = (async () => {
      for (let i = 0; i < 600; i++) await log.append('busy', message(`${i} ${'.'.repeat(300)}`), POLICY)
    })().finally(() => (writing = false))
    let losses = 0
    for (let complete = false; !complete;) {
      complete = !writing
      const range = await reader.read('busy', here, 9)
      if (range.kind === 'lost') {
        expect(range.why).toBe('trimmed')
        losses++
        here = range.head
        continue
      }
      expectChain(range.messages, here)
      const numbers = range.messages.map(({ data }) => Number.parseInt(text(data), 10))
      for (const [i, number] of numbers.entries()) expect(number).toBe((numbers[0] as number) + i)
      here = range.messages.at(-1) ?? here
      if (range.messages.length > 0) complete = false
    }
    await written
    expect(losses).toBeLessThan(600)
    expect(positionOf(here)).toEqual(await log.head('busy'))
  })

  it('L3 the last messages are found among many of other channels', async () => {
    const server = await serve()
    const { log } = await opened(server)
    const channels = ['often', 'often', 'often', 'often', 'now and then', 'often', 'often', 'often', 'often']
    await log.append('once', message('x'), POLICY)
    await Promise.all(
      Array.from({ length: 3000 }, (_, i) =>
        log.append(i % 500 === 499 ? 'seldom' : (channels[i % 9] as string), message(String(i)), POLICY),
      ),
    )
    for (const channel of ['once', 'often', 'now and then', 'seldom']) {
      const all = messagesOf(await log.read(channel, { epoch: log.epoch as string, offset: 0 }, ALL))
      for (const count of [1, 2, 5, 50, 1000, ALL]) {
        expect(messagesOf(await log.last(channel, count))).toEqual(all.slice(-count))
      }
    }
  })

  it('L1 what the stream sends on is what readers see', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    const sent: LoggedMessage[] = []
    const subject = subjectOf('sluice.durable', 'a b')
    link.subscribe(subject, {}, (_subject, data, _reply, headers) => {
      const decoded = decodeRepublished('a b', data, headers, log.epoch as string)
      if (decoded !== undefined) sent.push(decoded)
    })
    await link.flush()
    const start = await log.head('a b')
    for (const data of ['0', '1', '2']) {
      await log.append('a b', message(data, { id: data }), POLICY)
      await log.append('between', message(data), POLICY)
    }
    await expect.poll(() => sent.length).toBe(3)
    expect(sent).toEqual(messagesOf(await log.read('a b', start, ALL)))
  })

  it('a stream that is there is given what was configured, and keeps what is in it', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    const { epoch, offset } = await log.append('a', message('x'), POLICY)
    await log.close()
    const { log: again } = await opened(server, {
      maxAgeMs: 300_000,
      idempotencyMs: 60_000,
      maxBytes: 50_000,
    })
    expect(await again.head('a')).toEqual({ epoch, offset })
    const { config } = await (await manager(link)).streams.info('SLUICE')
    expect(config).toMatchObject({ max_age: 300e9, duplicate_window: 60e9, max_bytes: 50_000 })
  })

  it('a stream that cannot be given what was configured stays, and the reason is told', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    await log.append('a', message('x'), POLICY)
    const { log: other } = await connect(server, { storage: 'memory' })
    await expect(other.ready()).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('stream SLUICE has storage "file", not "memory"') as unknown,
    })
    expect(other.healthy()).toBe(false)
    expect((await (await manager(link)).streams.info('SLUICE')).state.messages).toBe(1)
  })

  it('a message that is larger than the server takes is refused as such', async () => {
    const server = await serve()
    const { log } = await opened(server)
    const large = { ...message(''), data: new Uint8Array(2_000_000) }
    await expect(log.append('a', large, POLICY)).rejects.toMatchObject({ code: 'limit_exceeded' })
  })

  it('a limit of the stream on single messages is taken off, and one that is set later is told of as such', async () => {
    const server = await serve()
    const { log, link } = await opened(server)
    await log.append('a', message('x'), POLICY)
    const { streams } = await manager(link)
    await streams.update('SLUICE', { max_msg_size: 100 })
    const large = { ...message(''), data: new Uint8Array(1000) }
    // It would be the same the next time: nothing that passes.
    await expect(log.append('a', large, POLICY)).rejects.toMatchObject({ code: 'limit_exceeded' })
    await log.close()
    const { log: again } = await opened(server)
    expect(await again.append('a', large, POLICY)).toMatchObject({ duplicate: false })
  })
})

function manager(link: NatsLink) {
  if (link.connection === undefined) expect.unreachable('the link is open')
  return jetstreamManager(link.connection)
}

/**
 * The log of channels with `delivery: replay`: a stream of Redis per channel, and one script per operation, so that
 * each is atomic. All keys of a channel are of one hash slot, which makes it work on a Redis Cluster.
 *
 * What costs nothing while nobody uses it: every key has a time to live. A position outlives the messages by far, so
 * that whoever comes back to a silent channel goes on where he was; when it is forgotten too, the channel starts again
 * with a new epoch. Where nobody has ever published, it lives on for as long again as readers have asked for it: anybody
 * can make up names. So does every channel when the server may have lost data: a replica has taken over, or it has been
 * restarted, unless it proves that it has all that it had confirmed (`wholeness.ts`). Nothing is compared by hand; the server's
 * replication id, stored with the position, tells.
 *
 * Where Sentinels have put another server in the place of one that still answers, that one is asked channel by channel: it
 * gives the channel up, so that it confirms nothing in it any more, and says where it has ended. A channel of which the
 * successor has as much goes on in its epoch (test/cluster/planned-failover.test.ts).
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Appends, type AppendsAnswer, type ChannelAppends } from './appends.ts'
import type { Appended, LogLoss, LogPolicy, LogRange, ReplayLog } from './replay-log.ts'
import type { RedisLink } from '../drivers/redis.ts'
import { answered } from '../drivers/redis-clients.ts'
import type { RedisArgument, RedisLane, RedisScript } from '../drivers/redis-port.ts'
import { ArgumentsWriter } from '../drivers/redis-wire.ts'
import { SluiceError } from '../errors.ts'
import type { Position } from '../protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../protocol/message.ts'
import { idKeyOf } from '../protocol/message-id.ts'
import { decodeStored, writeStored } from '../protocol/packet.ts'
import type { Keeps } from './wholeness.ts'

export interface RedisReplayLogOptions {
  /** In front of every key. Default: `sluice`. */
  readonly keyPrefix?: string
  /** How long a position is remembered after its channel was last used or asked for. Default: one day. */
  readonly positionTtlMs?: number
  /**
   * How long that of a channel is remembered at first to which nobody has published: several times as long as it takes
   * until a node that has readers asks again. Default: 90 s.
   */
  readonly askedTtlMs?: number
  /** What a restart of the server keeps, as it says of itself now. Default: not all. */
  readonly keeps?: () => Keeps
  /** Of a Redis Cluster: whether the server of the second generation has all that was confirmed in the first. Never fails. */
  readonly isHeir?: (from: string, to: string) => Promise<boolean>
  /** Told once for each channel and node that met another server in the place of its former one, which was asked. */
  readonly succeeded?: (outcome: SuccessionOutcome) => void
  /** How many idempotency ids a channel remembers; past it the oldest is forgotten. */
  readonly idsPerChannelMax?: number
}

/** What became of a channel: it went on in its epoch, or began a new one, and whoever reads it is reset. */
export type SuccessionOutcome = 'kept' | 'reset'

const KEY_PREFIX = 'sluice'
const POSITION_TTL_MS = 86_400_000
const ASKED_TTL_MS = 90_000
/** As of the log in memory. */
const IDS_PER_CHANNEL_MAX = 100_000

/** What a call has beside what is stored of its messages, more or less: for each of them, and for each channel. */
const MESSAGE_BYTES = 24
const CHANNEL_BYTES = 400
const APPEND = script('append')
const READ = script('read', 2)
const DISOWN = script('disown', 2)
const GIVE_UP = script('give-up', 2)
const REMOVE = script('remove', 2)

export class RedisReplayLog implements ReplayLog {
  readonly #link: RedisLink
  readonly #prefix: string
  readonly #positionTtlMs: number
  readonly #askedTtlMs: number
  readonly #idsMax: number
  readonly #keeps: () => Keeps
  readonly #isHeir: RedisReplayLogOptions['isHeir']
  readonly #succeeded: (outcome: SuccessionOutcome) => void
  readonly #appends: Appends
  /** Two nodes never propose the same epoch, and one node never proposes it twice. */
  readonly #epochPrefix = randomBytes(5).toString('hex')
  #epochs = 0
  #closed = false

  constructor(link: RedisLink, options: RedisReplayLogOptions = {}) {
    this.#link = link
    this.#prefix = options.keyPrefix ?? KEY_PREFIX
    this.#positionTtlMs = options.positionTtlMs ?? POSITION_TTL_MS
    this.#askedTtlMs = options.askedTtlMs ?? ASKED_TTL_MS
    this.#idsMax = options.idsPerChannelMax ?? IDS_PER_CHANNEL_MAX
    this.#keeps = options.keeps ?? (() => 'some')
    this.#isHeir = options.isHeir
    this.#succeeded = options.succeeded ?? (() => undefined)
    this.#appends = new Appends({
      // Of one that has taken another's place, or of a part of the keys, each channel is asked about on its own.
      together: link.single,
      run: (appends) => this.#append(appends),
      atTurnsEnd: (send) => link.atTurnsEnd(send),
    })
    link.define(APPEND)
    link.define(READ)
    link.define(DISOWN)
    link.define(REMOVE)
  }

  append(channel: string, message: NewMessage, policy: LogPolicy): Promise<Appended> {
    return this.#closed ? Promise.reject(closed()) : this.#appends.add(channel, message, policy)
  }

  read(channel: string, after: Position, limit: number): Promise<LogRange> {
    return this.#read('bulk', channel, ['after', limit, after.epoch, after.offset])
  }

  last(channel: string, count: number): Promise<LogRange> {
    return this.#read('bulk', channel, ['last', count])
  }

  async head(channel: string): Promise<Position> {
    return (await this.#read('hot', channel, ['head', 0])).head
  }

  async disown(channel: string, epoch: string): Promise<void> {
    this.#appends.seal(channel)
    await this.#run('hot', DISOWN, channel, [...this.#common(channel), epoch])
  }

  async remove(channel: string): Promise<void> {
    this.#appends.seal(channel)
    await this.#run('hot', REMOVE, channel, this.#common(channel))
  }

  healthy(): boolean {
    return !this.#closed && this.#link.healthy()
  }

  /** The link is not the log's alone, and stays open. */
  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  async #append(appends: readonly ChannelAppends[]): Promise<readonly (AppendsAnswer | Error)[]> {
    const [{ channel }] = appends as [ChannelAppends]
    const keys = appends.flatMap(({ channel: name }) => [
      this.#key('pos', name),
      this.#key('log', name),
      this.#key('ids', name),
    ])
    const writer = new ArgumentsWriter(appends.reduce((sum, { sizes }) => sum + bytesOf(sizes), 0))
    const args: RedisArgument[] = []
    // The client of one server has no need to know the keys.
    if (this.#link.single) for (const word of [String(keys.length), ...keys]) writer.text(word)
    else args.push(keys.length, ...keys)
    for (const word of ['', this.#positionTtlMs, this.#askedTtlMs, this.#idsMax]) writer.text(String(word))
    for (const one of appends) this.#writeAppends(writer, one)
    args.push(writer.arguments())
    const answer = (await this.#run('hot', APPEND, channel, args)) as AppendAnswer | AppendAnswer[]
    return appends.length === 1
      ? [appendsIn(answer as AppendAnswer)]
      : (answer as AppendAnswer[]).map((one) => appendsIn(one))
  }

  #writeAppends(writer: ArgumentsWriter, { policy, messages, sizes }: ChannelAppends): void {
    writer.text(this.#newEpoch())
    writer.text(String(policy.ttlMs))
    writer.text(String(policy.max))
    writer.text(String(policy.idempotencyMs))
    writer.text(String(messages.length))
    for (const [index, message] of messages.entries()) {
      writer.written(sizes[index] as number, message, writeStored)
      writer.text(idKeyOf(message) ?? '')
    }
  }

  async #read(lane: RedisLane, channel: string, what: readonly RedisArgument[]): Promise<LogRange> {
    this.#appends.seal(channel)
    const answer = (await this.#run(lane, READ, channel, [...this.#common(channel), ...what])) as [
      Buffer,
      number,
      Buffer,
      [Buffer, [Buffer, Buffer]][],
    ]
    const epoch = text(answer[0])
    const head: Position = { epoch, offset: answer[1] }
    const why = text(answer[2]) as LogLoss | ''
    if (why !== '') return { kind: 'lost', why, head }
    const entries = what[0] === 'last' ? answer[3].toReversed() : answer[3]
    const messages: LoggedMessage[] = []
    for (const [id, [, stored]] of entries) {
      const message = decodeStored(stored)
      if (message === undefined) {
        // Written by another version, or by somebody else: it is as good as gone, and all before it.
        if (what[0] !== 'last') return { kind: 'lost', why: 'trimmed', head }
        messages.length = 0
        continue
      }
      const offset = Number.parseInt(text(id), 10)
      messages.push({ kind: 'logged', channel, epoch, offset, previous: offset - 1, ack: false, ...message })
    }
    return { kind: 'range', messages, head }
  }

  #run(
    lane: RedisLane,
    what: RedisScript,
    channel: string,
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(closed())
    const asks = this.#isHeir !== undefined || this.#link.former?.answers === true
    if (!asks) return this.#link.run(lane, what, [...args, this.#keeps()])
    return this.#runAfter(channel, this.#lastEpoch(), (keeps) => this.#link.run(lane, what, [...args, keeps]))
  }

  /** Where another server has been put in the place of one, not before that one was asked. */
  async #runAfter(
    channel: string,
    proposed: string,
    run: (keeps: string) => Promise<unknown>,
  ): Promise<unknown> {
    const asked = await run('ask')
    const succession = successionIn(asked)
    if (succession === undefined) return asked
    const answer = await run(await this.#inherited(channel, succession))
    this.#succeeded(epochIn(answer) === proposed ? 'reset' : 'kept')
    return answer
  }

  async #inherited(channel: string, { from, to }: Succession): Promise<string> {
    if (this.#isHeir !== undefined) return (await this.#isHeir(from, to)) ? `heir:${from} ${to}` : 'some'
    const given = (await this.#link.former?.run(GIVE_UP, [...this.#common(channel), to, 'some'])) as
      readonly [Buffer, Buffer] | readonly [] | undefined
    const [epoch, offset] = given ?? []
    return epoch === undefined || offset === undefined ? 'some' : `given:${to} ${text(epoch)} ${text(offset)}`
  }

  #common(channel: string): readonly RedisArgument[] {
    return [this.#key('pos', channel), this.#key('log', channel), ...this.#terms()]
  }

  #terms(): readonly RedisArgument[] {
    return [this.#newEpoch(), this.#positionTtlMs, this.#askedTtlMs]
  }

  /** The braces make the channel's name alone decide the hash slot, which keeps the keys of a channel together. */
  #key(kind: 'pos' | 'log' | 'ids', channel: string): string {
    return `${this.#prefix}:${kind}:{${channel}}`
  }

  #newEpoch(): string {
    this.#epochs++
    return this.#lastEpoch()
  }

  /** The one that was proposed last. */
  #lastEpoch(): string {
    return `${this.#epochPrefix}${this.#epochs.toString(36)}`
  }
}

function script(name: 'append' | 'read' | 'disown' | 'give-up' | 'remove', keyCount?: number): RedisScript {
  const lua = ['position', name].map((file) =>
    readFileSync(new URL(`scripts/${file}.lua`, import.meta.url), 'utf8'),
  )
  return {
    name: `sluice_log_${name.replace('-', '_')}`,
    lua: lua.join('\n'),
    ...(keyCount === undefined ? {} : { keyCount }),
  }
}

/** What a channel takes of a call, more or less. */
function bytesOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size + MESSAGE_BYTES, CHANNEL_BYTES)
}

/** The generation that the channel was of, and that of the server that has answered, where it decides nothing by itself. */
interface Succession {
  readonly from: string
  readonly to: string
}

function successionIn(answer: unknown): Succession | undefined {
  const [epoch, to, from] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  return Buffer.isBuffer(epoch) && epoch.length === 0 && Buffer.isBuffer(to) && Buffer.isBuffer(from)
    ? { from: text(from), to: text(to) }
    : undefined
}

/** The epoch, empty where something went wrong; then offsets, or what it was. */
type AppendAnswer = readonly [Buffer, ...(readonly number[] | readonly Buffer[])]

function appendsIn([epoch, ...told]: AppendAnswer): AppendsAnswer | Error {
  if (epoch.length === 0) return answered(text(told[0] as Buffer))
  return { epoch: text(epoch), offsets: told as readonly number[] }
}

function closed(): SluiceError {
  return new SluiceError('unavailable', 'the replay log has been closed')
}

function epochIn(answer: unknown): string {
  return text((Array.isArray(answer) ? answer[0] : answer) as Buffer)
}

function text(bytes: Buffer): string {
  return bytes.toString('latin1')
}

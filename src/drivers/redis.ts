/**
 * The only door to Redis. Everything fails within its time limit and nothing waits in a queue for a server that is
 * away: whoever asked knows at once, and is told `unavailable`. So it is where Sentinels name the server and no majority
 * of them has confirmed it of late: what a former primary confirms is lost, and what it answers misleads.
 */
import { Cluster, type Redis } from 'ioredis'
import { FormerPrimary } from './former-primary.ts'
import {
  asOurs,
  define,
  isRefusal,
  openRedis,
  openServer,
  sentinelOptions,
  serversOf,
  untilReady,
  type RedisAccess,
  type RedisClient,
} from './redis-clients.ts'
import type { RedisArgument, RedisEvents, RedisLane, RedisScript } from './redis-port.ts'
import { RedisTurn } from './redis-turn.ts'
import { redisTarget, type RedisTarget } from './redis-url.ts'
import { Sentinels } from './sentinels.ts'
import { systemClock, type Clock, type Timer } from '../clock.ts'
import { SluiceError, type Caught } from '../errors.ts'

export interface RedisLinkOptions extends RedisAccess {
  /** See `redis-url.ts`. */
  readonly urls: readonly string[]
  /** How long a call on the hot lane may take. A call that timed out may still be executed. Default: 500 ms. */
  readonly hotTimeoutMs?: number
  /** The same for the bulk lane. Default: 2,000 ms. */
  readonly bulkTimeoutMs?: number
  readonly clock?: Clock
  /** What those who watch throw. Absent: the client meets it. */
  readonly caught?: Caught
}

type SentinelTarget = Extract<RedisTarget, { readonly kind: 'sentinel' }>

/** A connection, and how far it may be trusted. */
interface Line {
  readonly client: RedisClient
  /** The server that a Sentinel has named for it. */
  readonly server: () => string | undefined
  /** Until then it is the primary, by a clock that never jumps. */
  untilMs: number
}

type Commands = Readonly<Record<string, (...args: RedisArgument[]) => Promise<unknown>>>

const HOT_TIMEOUT_MS = 500
const BULK_TIMEOUT_MS = 2_000
const UNTRUSTED =
  'Redis is not used now: no majority of its Sentinels has confirmed to this node that it is still the primary, and what a former one takes is lost; try again, or at another node, and restore the way from this node to the Sentinels'

export class RedisLink {
  readonly #hot: Line
  readonly #bulk: Line
  readonly #turn: RedisTurn
  readonly kind: RedisTarget['kind']
  readonly #scripts: RedisScript[] = []
  readonly #watchers: RedisEvents[] = []
  readonly #clock: Clock
  readonly #sentinels: Sentinels | undefined
  /** The server in whose place Sentinels have put the one that serves now; none where there are no Sentinels. */
  readonly former: FormerPrimary | undefined
  readonly #caught: Caught | undefined
  /** Those who watch have been told that it can be used. */
  #up = false
  #reason = 'the connection was closed'
  readonly #untilUp = new Set<() => void>()
  #expiry: Timer | undefined
  #closed = false

  constructor(options: RedisLinkOptions) {
    this.#caught = options.caught
    this.#clock = options.clock ?? systemClock
    const target = redisTarget(options.urls)
    this.kind = target.kind
    const untilMs = target.kind === 'sentinel' ? 0 : Infinity
    this.#hot = { ...openRedis(target, options, options.hotTimeoutMs ?? HOT_TIMEOUT_MS), untilMs }
    this.#bulk = { ...openRedis(target, options, options.bulkTimeoutMs ?? BULK_TIMEOUT_MS), untilMs }
    this.#turn = new RedisTurn(this.#hot.client)
    if (target.kind === 'sentinel') {
      this.former = new FormerPrimary({
        clock: this.#clock,
        open: (address) =>
          openServer({ ...target, ...address }, options, options.bulkTimeoutMs ?? BULK_TIMEOUT_MS),
      })
      this.#sentinels = this.#meetSentinels(target, options)
    }
    this.#listen()
    // Its trouble is the hot lane's too, which reports it. Which server it has come to, it alone knows.
    this.#bulk.client.on('error', () => undefined).on('ready', () => this.#look())
  }

  watch(events: RedisEvents): void {
    this.#watchers.push(events)
  }

  /** Resolves once both lanes can be used; fails with `unavailable` after the time limit. */
  async ready(timeoutMs: number): Promise<void> {
    const startMs = this.#clock.monotonicMs()
    await Promise.all([this.#hot, this.#bulk].map(({ client }) => untilReady(client, timeoutMs)))
    await this.#trusted(timeoutMs - (this.#clock.monotonicMs() - startMs))
    await Promise.all(serversOf(this.#hot.client).map((server) => this.#load(server)))
  }

  /**
   * Where Sentinels name the server: how many replicas it needs to take a write (`min-replicas-to-write`), or that it does not
   * tell. Fails with `unavailable`.
   */
  async replicasToWrite(): Promise<number | 'untold' | undefined> {
    if (this.#sentinels === undefined) return undefined
    if (this.#isRefused(this.#hot)) throw new SluiceError('unavailable', UNTRUSTED)
    try {
      const answer = await (this.#hot.client as Redis).config('GET', 'min-replicas-to-write')
      const said = Array.isArray(answer) ? Number(answer[1]) : Number.NaN
      return Number.isNaN(said) ? 'untold' : said
    } catch (error) {
      // Not everybody may ask.
      if (isRefusal(error)) return 'untold'
      throw asOurs(error, this.#closed)
    }
  }

  /** Whether there is one server, and no other will ever take its place. */
  get single(): boolean {
    return this.kind === 'server'
  }

  /** A command to a single server; `undefined` where it may not be asked. Fails with `unavailable`. */
  async ask(command: string, ...words: readonly string[]): Promise<unknown> {
    try {
      return await (this.#bulk.client as Redis).call(command, ...words)
    } catch (error) {
      if (isRefusal(error)) return undefined
      throw asOurs(error, this.#closed)
    }
  }

  /** A command to each server of a cluster that answers, replicas too; by its address. Never fails. */
  async askAll(command: string, ...words: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const servers = serversOf(this.#bulk.client, 'all')
    const answers = new Map<string, unknown>()
    await Promise.all(
      servers.map(async (server) => {
        const answer = await server.call(command, ...words).catch(() => undefined)
        if (answer !== undefined) answers.set(`${server.options.host}:${server.options.port}`, answer)
      }),
    )
    return answers
  }

  /** To be called before `ready` and `run`. */
  define(script: RedisScript): void {
    this.#scripts.push(script)
    for (const { client } of [this.#hot, this.#bulk]) define(client, script)
  }

  /**
   * Calls `send` at the end of this turn of the event loop. What is asked on the hot lane until then is sent behind
   * what `send` asks, and all of it together.
   */
  atTurnsEnd(send: () => void): void {
    this.#turn.atEnd(send)
  }

  /** Texts in the answer are buffers. Fails with `unavailable`. */
  run(lane: RedisLane, { name }: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#ask(lane, (client) => {
      const commands = client as unknown as Commands
      return (commands[`${name}Buffer`] as Commands[string]).apply(commands, [...args])
    })
  }

  /** All fields of a hash. Fails with `unavailable`. */
  hashOf(lane: RedisLane, key: string): Promise<Readonly<Record<string, string>>> {
    return this.#ask(lane, (client) => client.hgetall(key))
  }

  healthy(): boolean {
    return this.#hot.client.status === 'ready' && this.#isTrusted(this.#hot) && !this.#closed
  }

  close(): void {
    this.#closed = true
    this.#expiry?.cancel()
    this.#hot.client.disconnect()
    this.#bulk.client.disconnect()
    this.#sentinels?.close()
    this.former?.close()
  }

  #isTrusted(line: Line): boolean {
    return this.#clock.monotonicMs() < line.untilMs
  }

  /** Where there is no connection, the call itself says so. */
  #isRefused(line: Line): boolean {
    return !this.#isTrusted(line) && line.client.status === 'ready' && !this.#closed
  }

  #ask<T>(lane: RedisLane, ask: (client: RedisClient) => Promise<T>): Promise<T> {
    return lane === 'hot'
      ? this.#turn.behind(() => this.#askNow(this.#hot, ask))
      : this.#askNow(this.#bulk, ask)
  }

  async #askNow<T>(line: Line, ask: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#isRefused(line)) throw new SluiceError('unavailable', UNTRUSTED)
    try {
      return await ask(line.client)
    } catch (error) {
      throw asOurs(error, this.#closed)
    }
  }

  /**
   * A server that does not know a script makes the client send the call again, and by then later calls may have come
   * first. So each server is told the scripts before it is told anything else.
   */
  async #load(server: Redis): Promise<void> {
    // Where it fails, the calls themselves load the script, or fail too and say so.
    await Promise.allSettled(this.#scripts.map(({ lua }) => server.script('LOAD', lua)))
  }

  #tell(event: (watcher: RedisEvents) => void): void {
    if (this.#closed) return
    for (const watcher of this.#watchers) {
      try {
        event(watcher)
      } catch (fault) {
        if (this.#caught === undefined) throw fault
        this.#caught('redis', fault)
      }
    }
  }

  #listen(): void {
    const { client: hot } = this.#hot
    hot.on('ready', () => {
      for (const server of serversOf(hot)) void this.#load(server)
      this.#look()
      this.#sentinels?.ask()
    })
    hot.on('close', () => this.#look())
    hot.on('error', (error: Error) => (this.#reason = error.message))
    if (!(hot instanceof Cluster)) return
    // The cluster as a whole stays ready while one of its masters is replaced, by a server that is new to it or by a
    // replica that may have been connected for long: then only the end of the former master shows.
    const changed = (): void => {
      if (this.#up) this.#tell((watcher) => watcher.connected())
    }
    hot.on('+node', (node: Redis) =>
      node.on('ready', () => {
        void this.#load(node)
        changed()
      }),
    )
    hot.on('-node', changed)
    hot.on('node error', (error: Error) => (this.#reason = error.message))
  }

  /** Tells those who watch what has changed. */
  #look(): void {
    if (this.#sentinels !== undefined) this.#weigh(this.#sentinels)
    const up = this.healthy()
    if (up === this.#up) return
    this.#up = up
    if (up) {
      this.#tell((watcher) => watcher.connected())
      for (const done of this.#untilUp) done()
      return
    }
    const { client, server } = this.#hot
    const reason = client.status === 'ready' ? this.#sentinels?.distrust(server()) : undefined
    this.#tell((watcher) => watcher.disconnected(reason ?? this.#reason))
  }

  /** How far each connection may be trusted; one to a server that another has replaced is given up. */
  #weigh(sentinels: Sentinels): void {
    const nowMs = this.#clock.monotonicMs()
    const named = sentinels.named()
    for (const line of [this.#hot, this.#bulk]) {
      const server = line.server()
      const leftMs = sentinels.leftMs(server)
      line.untilMs = nowMs + leftMs
      if (server !== undefined && leftMs > 0) this.former?.serves(server)
      if (named !== undefined) leaveUnless(line, named)
    }
    this.#expiry?.cancel()
    const leftMs = this.#hot.untilMs - nowMs
    if (leftMs > 0 && !this.#closed) this.#expiry = this.#clock.after(leftMs + 1, () => this.#look())
  }

  /** Resolves when a majority of the Sentinels confirms the server, at once where there are none. */
  #trusted(timeoutMs: number): Promise<void> {
    if (this.#sentinels === undefined || this.#up) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const done = (): void => {
        timeout.cancel()
        this.#untilUp.delete(done)
        resolve()
      }
      const timeout = this.#clock.after(timeoutMs, () => {
        this.#untilUp.delete(done)
        const why = this.#sentinels?.distrust(this.#hot.server())
        reject(new SluiceError('unavailable', `Redis cannot be used: ${why}`))
      })
      this.#untilUp.add(done)
    })
  }

  /**
   * A former master that is still alive goes on taking writes for ten seconds and more, until a Sentinel turns it into a
   * replica and all of them are lost. So it is left as soon as one of the Sentinels says that there is another, and not
   * used once no majority of them has confirmed it for about as long as they wait before they replace it.
   */
  #meetSentinels({ sentinels, master }: SentinelTarget, options: RedisLinkOptions): Sentinels {
    return new Sentinels({
      sentinels,
      master,
      access: sentinelOptions(options),
      clock: this.#clock,
      changed: () => this.#look(),
      switched: (server) => {
        for (const line of [this.#hot, this.#bulk]) leaveUnless(line, server)
      },
    })
  }
}

/** Not while it is connecting, which ends with asking a Sentinel; and never again, where the client is stopped in it. */
function leaveUnless({ client, server }: Line, named: string): void {
  if (client instanceof Cluster || (client.status !== 'ready' && client.status !== 'connect')) return
  if (server() !== named) client.disconnect(true)
}

/**
 * The only door to Redis. Everything fails within its time limit and nothing waits in a queue for a server that is
 * away: whoever asked knows at once, and is told `unavailable`.
 */
import { Cluster, Redis, ReplyError, type RedisOptions } from 'ioredis'
import { redisTarget, type RedisTarget } from './redis-url.ts'
import type { TlsMaterial } from './tls-files.ts'
import { SluiceError, type Caught } from '../errors.ts'

/** A script that the server keeps. All of a call's keys are of one hash slot. */
export interface RedisScript {
  /** Unique among all scripts of a link. */
  readonly name: string
  readonly lua: string
  readonly keyCount: number
}

/**
 * Two connections, so that a large answer never delays a small one. What is sent on one of them is executed in the
 * order of the calls, as long as it concerns one hash slot.
 */
export type RedisLane = 'hot' | 'bulk'

export interface RedisLinkOptions {
  /** See `redis-url.ts`. */
  readonly urls: readonly string[]
  /** TLS to the servers, whatever the scheme says. */
  readonly tls?: TlsMaterial
  /** How Sentinels are asked. `tls`: as the servers. */
  readonly sentinel?: { readonly user?: string; readonly password?: string; readonly tls: boolean }
  /** How long a call on the hot lane may take. A call that timed out may still be executed. Default: 500 ms. */
  readonly hotTimeoutMs?: number
  /** The same for the bulk lane. Default: 2,000 ms. */
  readonly bulkTimeoutMs?: number
  /** What those who watch throw. Absent: the client meets it. */
  readonly caught?: Caught
}

/** What flows back. */
export interface RedisEvents {
  /** The server, or another server of a cluster or in its place, can be used: it may have lost what was written before. */
  connected(): void
  /** Calls fail from now on. */
  disconnected(reason: string): void
}

export type RedisArgument = string | number | Buffer

type Client = Redis | Cluster
type SentinelTarget = Extract<RedisTarget, { readonly kind: 'sentinel' }>
type Commands = Readonly<Record<string, (...args: RedisArgument[]) => Promise<unknown>>>

const HOT_TIMEOUT_MS = 500
const BULK_TIMEOUT_MS = 2_000
const CONNECT_TIMEOUT_MS = 2_000
/** A socket on which an answer is overdue for this many time limits is given up: the next calls fail at once. */
const GIVE_UP_AFTER = 3
const RETRY_STEP_MS = 50
const RETRY_MAX_MS = 1_000
/** Where a Sentinel says that another server is the master now. */
const SWITCHED = '+switch-master'
/** A Sentinel says nothing for weeks, so that only this shows that its host has gone. */
const SENTINEL_KEEPALIVE_MS = 30_000

/** Answers that say nothing about the command, but that this server cannot serve now. */
const TEMPORARY: ReadonlySet<string> = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'UNBLOCKED',
  'WRONGPASS',
])

export class RedisLink {
  readonly #hot: Client
  readonly #bulk: Client
  readonly #scripts: RedisScript[] = []
  readonly #watchers: RedisEvents[] = []
  readonly #sentinels: readonly Redis[]
  readonly #caught: Caught | undefined
  #closed = false

  constructor(options: RedisLinkOptions) {
    this.#caught = options.caught
    const target = redisTarget(options.urls)
    this.#sentinels = target.kind === 'sentinel' ? this.#watchSentinels(target, options) : []
    this.#hot = open(target, options, options.hotTimeoutMs ?? HOT_TIMEOUT_MS)
    this.#bulk = open(target, options, options.bulkTimeoutMs ?? BULK_TIMEOUT_MS)
    this.#listen()
    // Its trouble is the hot lane's too, which reports it.
    this.#bulk.on('error', () => undefined)
  }

  watch(events: RedisEvents): void {
    this.#watchers.push(events)
  }

  /** Resolves once both lanes can be used; fails with `unavailable` after the time limit. */
  async ready(timeoutMs: number): Promise<void> {
    await Promise.all([this.#hot, this.#bulk].map((client) => untilReady(client, timeoutMs)))
    await Promise.all(serversOf(this.#hot).map((server) => this.#load(server)))
  }

  /** To be called before `ready` and `run`. */
  define(script: RedisScript): void {
    const { name, lua, keyCount } = script
    this.#scripts.push(script)
    for (const client of [this.#hot, this.#bulk]) client.defineCommand(name, { lua, numberOfKeys: keyCount })
  }

  /** Texts in the answer are buffers. Fails with `unavailable`. */
  run(lane: RedisLane, { name }: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    const commands = this.#lane(lane) as unknown as Commands
    return this.#answer((commands[`${name}Buffer`] as Commands[string]).apply(commands, [...args]))
  }

  /** All fields of a hash. Fails with `unavailable`. */
  hashOf(lane: RedisLane, key: string): Promise<Readonly<Record<string, string>>> {
    return this.#answer(this.#lane(lane).hgetall(key))
  }

  healthy(): boolean {
    return this.#hot.status === 'ready' && !this.#closed
  }

  close(): void {
    this.#closed = true
    this.#hot.disconnect()
    this.#bulk.disconnect()
    for (const sentinel of this.#sentinels) sentinel.disconnect()
  }

  #lane(lane: RedisLane): Client {
    return lane === 'hot' ? this.#hot : this.#bulk
  }

  async #answer<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      throw this.#asOurs(error)
    }
  }

  /** Only the message goes on: the error of the client holds the command with all of its data. */
  #asOurs(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof ReplyError && !TEMPORARY.has(firstWord(message))) {
      return new Error(`Redis refused a command: ${message}`)
    }
    const what = this.#closed ? 'the connection to Redis has been closed' : 'Redis cannot be reached now'
    return new SluiceError('unavailable', what, { cause: new Error(message) })
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
    let up = false
    let reason = 'the connection was closed'
    const connected = (): void => {
      up = true
      for (const server of serversOf(this.#hot)) void this.#load(server)
      this.#tell((watcher) => watcher.connected())
    }
    const disconnected = (): void => {
      if (!up) return
      up = false
      this.#tell((watcher) => watcher.disconnected(reason))
    }
    this.#hot.on('ready', connected)
    this.#hot.on('close', disconnected)
    this.#hot.on('error', (error: Error) => (reason = error.message))
    if (!(this.#hot instanceof Cluster)) return
    // The cluster as a whole stays ready while one of its masters is replaced, by a server that is new to it or by a
    // replica that may have been connected for long: then only the end of the former master shows.
    this.#hot.on('+node', (node: Redis) =>
      node.on('ready', () => {
        void this.#load(node)
        if (up) connected()
      }),
    )
    this.#hot.on('-node', () => up && connected())
    this.#hot.on('node error', (error: Error) => (reason = error.message))
  }

  /**
   * A former master that is still alive goes on taking writes for ten seconds and more, until a Sentinel turns it into a
   * replica and all of them are lost. So it is left as soon as one of the Sentinels says that there is another.
   */
  #watchSentinels(
    { sentinels, master }: SentinelTarget,
    { sentinel: access, tls = {} }: RedisLinkOptions,
  ): Redis[] {
    return sentinels.map(({ host, port }) => {
      const sentinel = new Redis({
        host,
        port,
        ...(access?.user === undefined ? {} : { username: access.user }),
        ...(access?.password === undefined ? {} : { password: access.password }),
        ...(access?.tls === true ? { tls: { ...tls } } : {}),
        connectTimeout: CONNECT_TIMEOUT_MS,
        retryStrategy: retryDelayMs,
        keepAlive: SENTINEL_KEEPALIVE_MS,
        enableReadyCheck: false,
        maxRetriesPerRequest: null,
      })
      // One that is away says nothing; the others do.
      sentinel.on('error', () => undefined)
      sentinel.on('message', (_channel: string, text: string) => {
        // <name> <old host> <old port> <new host> <new port>
        const [name, , , newHost, newPort] = text.split(' ')
        if (name !== master) return
        for (const lane of [this.#hot, this.#bulk]) {
          if (lane instanceof Redis && isConnectedElsewhere(lane, newHost, newPort)) lane.disconnect(true)
        }
      })
      // Subscribed to again by the client whenever it has been away.
      sentinel.subscribe(SWITCHED).catch(() => undefined)
      return sentinel
    })
  }
}

function open(target: RedisTarget, { tls, sentinel }: RedisLinkOptions, timeoutMs: number): Client {
  const secure = target.tls || tls !== undefined
  const options = {
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(secure ? { tls: { ...tls } } : {}),
    commandTimeout: timeoutMs,
    socketTimeout: timeoutMs * GIVE_UP_AFTER,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // All three are needed for a call to fail at once where the server is away, also if it was under way.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retryDelayMs,
    // The server was demoted: whoever holds the data now is found by connecting again.
    reconnectOnError: (error: Error) => firstWord(error.message) === 'READONLY',
  } satisfies RedisOptions
  switch (target.kind) {
    case 'server':
      return new Redis({ ...options, host: target.host, port: target.port, db: target.db })
    case 'sentinel':
      return new Redis({
        ...options,
        sentinels: [...target.sentinels],
        name: target.master,
        sentinelRetryStrategy: retryDelayMs,
        // Without it, one that hangs is waited for without end, though there may be others.
        sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
        // Without it, `tls` is ignored.
        enableTLSForSentinelMode: secure,
        ...(sentinel?.user === undefined ? {} : { sentinelUsername: sentinel.user }),
        ...(sentinel?.password === undefined ? {} : { sentinelPassword: sentinel.password }),
        ...(sentinel?.tls === true ? { sentinelTLS: { ...tls } } : {}),
      })
    case 'cluster':
      return new Cluster([...target.nodes], {
        redisOptions: options,
        enableOfflineQueue: false,
        clusterRetryStrategy: retryDelayMs,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        // A certificate names the host that was asked for, not its address.
        ...(secure ? { dnsLookup: (address, found) => found(null, address) } : {}),
      })
    default:
      return target satisfies never
  }
}

function retryDelayMs(attempt: number): number {
  return Math.min(attempt * RETRY_STEP_MS, RETRY_MAX_MS)
}

/** Not while it is connecting, which ends with asking a Sentinel; and never again, where the client is stopped in it. */
function isConnectedElsewhere({ status, stream }: Redis, host?: string, port?: string): boolean {
  if (status !== 'ready' && status !== 'connect') return false
  return stream.remoteAddress !== host || String(stream.remotePort) !== port
}

/** Those that can be asked now. */
function serversOf(client: Client): Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client]
}

function untilReady(client: Client, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve()
  return new Promise((resolve, reject) => {
    const ready = (): void => {
      clearTimeout(timeout)
      resolve()
    }
    const timeout = setTimeout(() => {
      client.off('ready', ready)
      reject(new SluiceError('unavailable', `Redis could not be reached within ${timeoutMs} ms`))
    }, timeoutMs)
    client.once('ready', ready)
  })
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] as string
}

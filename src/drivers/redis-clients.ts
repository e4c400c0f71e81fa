/** How the clients of Redis are set up. */
import { Cluster, Command, Redis, ReplyError, type RedisOptions } from 'ioredis'
import type { RedisScript } from './redis-port.ts'
import type { Access, Address, RedisTarget } from './redis-url.ts'
import { commandBytes } from './redis-wire.ts'
import type { TlsMaterial } from './tls-files.ts'
import { SluiceError } from '../errors.ts'

export type RedisClient = Redis | Cluster
/** Answers have the form that they have by default. */
export type ClientOptions = Omit<RedisOptions, 'protocol' | 'replyMapping'>

export interface RedisAccess {
  /** TLS to the servers, whatever the scheme says. */
  readonly tls?: TlsMaterial
  /** How Sentinels are asked. `tls`: as the servers. */
  readonly sentinel?: { readonly user?: string; readonly password?: string; readonly tls: boolean }
}

const CONNECT_TIMEOUT_MS = 2_000
/** A socket on which an answer is overdue for this many time limits is given up: the next calls fail at once. */
const GIVE_UP_AFTER = 3
const RETRY_STEP_MS = 50
const RETRY_MAX_MS = 1_000

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
  'UNSETTLED',
  'WRONGPASS',
])

/** Where the client is asked how it reaches a server that a Sentinel names: all that is wanted is to see the name. */
type SeeName = (name: string) => null

/** Where the client keeps the timer of a command that it will clear. */
interface Timed {
  _commandTimeoutTimer?: NodeJS.Timeout
  readonly isSettled: boolean
  reject(error: Error): void
}

/**
 * Where the event loop was held up for longer than a command may take, timers come before what has arrived meanwhile is read:
 * all commands under way would fail whose answers are here. So the time is up one turn later. The connections of a Redis Cluster
 * are the client's own, so there is no other place.
 */
Command.prototype.setTimeout = function (this: unknown, ms: number): void {
  const command = this as Timed
  command._commandTimeoutTimer ??= setTimeout(() => {
    setImmediate(() => {
      if (!command.isSettled) command.reject(new Error('Command timed out'))
    })
  }, ms)
}

/** What the client has made of what it was given: texts and bytes. */
interface Worded {
  readonly name: string
  readonly args: readonly (string | Buffer)[]
}

Command.prototype.toWritable = function (this: unknown): Buffer {
  const { name, args } = this as Worded
  return commandBytes(name, args)
}

/** A connection that opens itself again; `server`: the one that a Sentinel has named for it. */
export function openRedis(
  target: RedisTarget,
  access: RedisAccess,
  timeoutMs: number,
): { readonly client: RedisClient; readonly server: () => string | undefined } {
  let server: string | undefined
  const see: SeeName = (name) => {
    server = name
    return null
  }
  return { client: openClient(target, access, timeoutMs, see), server: () => server }
}

/** A connection to a certain server. */
export function openServer(at: Access & Address, access: RedisAccess, timeoutMs: number): Redis {
  return openClient({ ...at, kind: 'server', db: 0 }, access, timeoutMs, () => null) as Redis
}

/** How a Sentinel is connected to. */
export function sentinelOptions({ sentinel, tls = {} }: RedisAccess): ClientOptions {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: retryDelayMs,
    ...(sentinel?.user === undefined ? {} : { username: sentinel.user }),
    ...(sentinel?.password === undefined ? {} : { password: sentinel.password }),
    ...(sentinel?.tls === true ? { tls: { ...tls } } : {}),
  }
}

function openClient(
  target: RedisTarget,
  { tls, sentinel }: RedisAccess,
  timeoutMs: number,
  seeName: SeeName,
): RedisClient {
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
        // The last that it is asked about is the server that it connects to.
        natMap: seeName,
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

function firstWord(text: string): string {
  return text.split(' ', 1)[0] as string
}

/** The server has answered, and will not answer otherwise. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ReplyError && !TEMPORARY.has(firstWord((error as Error).message))
}

/** Only the message goes on: the error of the client holds the command with all of its data. */
export function asOurs(error: unknown, closed = false): Error {
  const message = error instanceof Error ? error.message : String(error)
  if (isRefusal(error)) return new Error(`Redis refused a command: ${message}`)
  const what = closed ? 'the connection to Redis has been closed' : 'Redis cannot be reached now'
  return new SluiceError('unavailable', what, { cause: new Error(message) })
}

/** What a script says that has met an error in a part of what it was asked for. */
export function answered(message: string): Error {
  return asOurs(new ReplyError(message))
}

/** Resolves when it can be used; fails with `unavailable` after the time limit. */
export function untilReady(client: RedisClient, timeoutMs: number): Promise<void> {
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

/** Those that can be asked now. */
export function serversOf(client: RedisClient, which: 'master' | 'all' = 'master'): Redis[] {
  return client instanceof Cluster ? client.nodes(which) : [client]
}

/** Makes a script one of the commands of the client. */
export function define(client: RedisClient, { name, lua, keyCount }: RedisScript): void {
  client.defineCommand(name, { lua, ...(keyCount === undefined ? {} : { numberOfKeys: keyCount }) })
}

/**
 * The configuration as rooms take it. Part of the composition.
 */
import { totalmem } from 'node:os'
import { RETRY_MS } from '../admission/gate.ts'
import { KEY_LENGTH_MIN } from '../auth/api-keys.ts'
import { SENT_ON_MAX_MS, TURNS_LEAVING_UNSERVED_MAX } from '../cluster/steering.ts'
import { TAILS_IN_MEMORY_MIN } from '../config/quota-rules.ts'
import type { Config } from '../config/schema.ts'
import { durationText } from '../config/units.ts'
import { parsePlan } from '../config/drain-plan.ts'
import { lengthMs, scheduleOf } from '../drain/schedule.ts'
import { headBytesMax } from '../drivers/uws-binary.ts'
import type { EdgeOptions } from '../edge/ports.ts'
import type { HubOptions } from '../hub/hub-options.ts'
import { localHostsOf } from './address.ts'
import { RETURN_WITHIN_MS } from './movables.ts'
import type { NodeDrainOptions } from './drain-ports.ts'
import type { SessionOptions } from '../session/ports.ts'
import type { QuotaLimits } from '../session/quotas.ts'

/** A client that comes back after so long is a newcomer: somebody who was away over night is not. */
const TICKET_TTL_MIN_MS = 86_400_000

/** RFC 7518, section 3.2. */
const HS256_KEY_BYTES_MIN = 32

/** For the connects, the queue of the other node, and the word from there. */
const RETURN_SLACK_MS = 2000

export function hubOptions(config: Config): HubOptions {
  return {
    tailMessages: config.feeds.tailMessages,
    tailBytes: config.feeds.tailBytes,
    memoryBytes: feedsMemory(config.feeds, usableMemory()),
    quietMs: config.feeds.quiet,
    headCheckMs: config.feeds.headCheck,
    resetSpreadMs: config.resets.spread,
  }
}

const FEEDS_SHARE = 1 / 16
const FEEDS_BYTES_MIN = 33_554_432
const FEEDS_BYTES_MAX = 536_870_912

/** `usableBytes`: the memory that this process may use. */
export function feedsMemory(
  { memory, tailBytes }: Pick<Config['feeds'], 'memory' | 'tailBytes'>,
  usableBytes: number,
): number {
  if (memory !== 0) return memory
  const share = Math.min(Math.max(Math.floor(usableBytes * FEEDS_SHARE), FEEDS_BYTES_MIN), FEEDS_BYTES_MAX)
  return Math.max(share, tailBytes * TAILS_IN_MEMORY_MIN)
}

/** What a container allows, or what the machine has. */
function usableMemory(): number {
  const constrained = process.constrainedMemory() ?? 0
  const total = totalmem()
  // Where nothing is constrained, it is 0 or a number beyond any machine.
  return constrained > 0 && constrained < total ? constrained : total
}

export function sessionOptions(config: Config): SessionOptions {
  return {
    pingIntervalMs: config.heartbeat.ping,
    reauth: { intervalMs: config.auth.reauthInterval, deadlineMs: config.auth.reauthDeadline },
    subscriptionsMax: config.limits.subscriptions,
    sessionsPerUserMax: config.limits.sessionsPerUser,
  }
}

export function quotaLimits({ limits }: Config): QuotaLimits {
  return {
    connections: limits.connectionsPerUser,
    subscriptions: limits.subscriptionsPerUser,
    publishesPerSecond: limits.publishesPerUserPerSecond,
  }
}

export function edgeOptions(config: Config): EdgeOptions {
  return {
    allowedOrigins: config.allowedOrigins,
    localHosts: localHostsOf(config),
    trustedProxies: config.trustedProxies,
    proxyProtocol: config.proxyProtocol,
    tokenCookie: config.auth.cookie,
    frameBytesMax: config.limits.frame,
    jsonDepthMax: config.limits.jsonDepth,
    bufferedBytesMax: config.limits.buffered,
    compressFromBytes: compressFromBytes(config),
    channelsPerStreamMax: config.limits.channelsPerStream,
    headBytesMax: headBytesMax(),
    connectTimeoutMs: config.limits.connectTimeout,
    idleTimeoutMs: config.heartbeat.idleTimeout,
    sseHeartbeatMs: sseHeartbeatMs(config),
    retryMinMs: config.heartbeat.retryMin,
    retryMaxMs: config.heartbeat.retryMax,
  }
}

export function compressFromBytes({ compressFrom }: Config): number {
  return compressFrom === 0 ? Infinity : compressFrom
}

/** A stream whose client has vanished shows it by a comment that is not acknowledged, so there is one in time for that. */
function sseHeartbeatMs({ heartbeat: { sse, idleTimeout } }: Config): number {
  return Math.min(sse, idleTimeout / 2)
}

/**
 * How long what is sent may stay without an acknowledgement, so that `heartbeat.idleTimeout` holds from the last sign of
 * life on. A quarter is left for the last question to who waits for an answer and is sent nothing.
 */
export function goneMs(config: Config): number {
  const { idleTimeout } = config.heartbeat
  return Math.round(Math.min(idleTimeout - sseHeartbeatMs(config), idleTimeout * 0.75))
}

/** A connection is given a fresh ticket at each re-authentication, and one of those may fail. */
export function ticketTtlMs({ auth }: Config): number {
  return Math.max(TICKET_TTL_MIN_MS, 2 * auth.reauthInterval)
}

/** By then every node that is told to stop has said so, and every other one has heard it. */
const ALONE_HEARTBEATS = 2

/** Once the clients have gone, the parts of a node have this long to end. */
const END_MS = 5000
/** But no more than this part of the time that there is for all. */
const END_SHARE = 0.25
/** Who interrupts a node waits at the keyboard, and a moment is enough that clients do not come back in one. */
const CLOSE_MOMENT_MS = 1000

/** How long the end of a node may take, without its clients: a part of the deadline of a drain. */
export function endMs({ drain }: Config): number {
  return drain.deadline === undefined ? END_MS : Math.min(END_MS, drain.deadline * END_SHARE)
}

/** Where clients are closed and not moved, this is how long that takes. */
export function closeMomentMs({ drain }: Config): number {
  return Math.min(drain.closeSpread, CLOSE_MOMENT_MS)
}

/**
 * What a stream may take from the end of its connection to the node that serves it, where nobody is late: it comes back at its
 * moment, is sent on as often as a stream may be, and may meet a node whose balancer has not noticed yet that it leaves.
 */
export function returnMs({ heartbeat }: Pick<Config, 'heartbeat'>): number {
  const sentOnMs = TURNS_LEAVING_UNSERVED_MAX * SENT_ON_MAX_MS
  const [, leavingMs] = RETRY_MS.draining
  return RETURN_WITHIN_MS + sentOnMs + Math.max(heartbeat.retryMax, leavingMs) + RETURN_SLACK_MS
}

export function drainOptions(config: Config): NodeDrainOptions {
  const { cluster, drain } = config
  return {
    endMs: endMs(config),
    plan: drain.plan,
    deregisterMs: drain.deregisterDelay,
    graceMs: drain.grace,
    deadlineMs: drain.deadline,
    closeSpreadMs: drain.closeSpread,
    returnMs: Math.min(returnMs(config), drain.grace),
    aloneMs: cluster.heartbeat * ALONE_HEARTBEATS,
  }
}

/** Whether tokens for this gateway are told from those for others of the same provider. */
function isMarked({ auth }: Config): boolean {
  const own = auth.types?.some((type) => !/^(?:application\/)?(?:at\+)?jwt$/i.test(type)) ?? false
  return auth.audience !== undefined || own
}

/** What is allowed and should not be: said once at the start, and by `config check`. */
export function weaknesses(config: Config): string[] {
  if (config.dev) return []
  const weak = []
  if (config.auth.jwtSecret !== undefined && Buffer.byteLength(config.auth.jwtSecret) < HS256_KEY_BYTES_MIN) {
    weak.push('auth.jwtSecret is shorter than 32 bytes: it can be guessed (RFC 7518, section 3.2)')
  }
  if (config.api.keys.some((entry) => entry.split(':').slice(2).join(':').length < KEY_LENGTH_MIN)) {
    weak.push(`an API key is shorter than ${KEY_LENGTH_MIN} characters: it can be guessed`)
  }
  if (config.auth.jwksUrl !== undefined && !isMarked(config)) {
    weak.push(
      'auth.jwksUrl is set without auth.audience: whatever this provider signs for any other service, ID tokens too, is good here (RFC 8725, section 3.9); set auth.audience, or auth.types where it marks its tokens by typ',
    )
  }
  const late = lateDeadline(config)
  return late === undefined ? weak : [...weak, late]
}

/** A plan in numbers of connections takes as long as there are connections: of that nothing is known yet. */
function lateDeadline({ drain }: Config): string | undefined {
  const plan = parsePlan(drain.plan)
  if (drain.deadline === undefined || plan === undefined || plan.kind === 'count' || plan.kind === 'fast')
    return undefined
  const needsMs = drain.deregisterDelay + lengthMs(scheduleOf(plan, 100)) + drain.grace + drain.closeSpread
  if (needsMs <= drain.deadline) return undefined
  return `drain.deadline is ${durationText(drain.deadline)}, but drain.plan, deregisterDelay, grace and closeSpread take ${durationText(needsMs)} together: the drain will hurry, whatever the others take`
}

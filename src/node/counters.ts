/**
 * What each room counts with, made of the cells of the metrics page. Part of the composition: rooms know neither the
 * names on the page nor each other.
 */
import type { Clock } from '../clock.ts'
import type { EdgeMetrics } from '../edge/ports.ts'
import type { HubMetrics } from '../hub/ports.ts'
import type { Exemplar, Metrics } from '../observe/metrics.ts'
import type { SluiceError } from '../errors.ts'
import type { ErrorCode } from '../protocol/error-code.ts'
import { NATIVE, TRANSPORTS } from '../protocol/transport-name.ts'
import type { Delivery, Published, PublisherMetrics, PublishRequest } from '../publish/publisher.ts'
import type { SessionMetrics } from '../session/ports.ts'
import { parseTraceparent } from '../tracing.ts'

/** `written`: told of each message that somebody here was handed. */
export function hubMetrics(metrics: Metrics, clock: Clock, written: (channel: string) => void): HubMetrics {
  return {
    fannedOut(message, handed) {
      let count = 0
      for (const transport of TRANSPORTS) count += handed[transport]
      metrics.fanout.observe(count)
      if (count === 0) return
      for (const transport of TRANSPORTS)
        if (handed[transport] > 0) metrics.delivered[transport].add(handed[transport])
      if (message.kind === 'logged' && message.ack) metrics.durableDelivered.add(handed[NATIVE])
      if (handed.nativeBytes > 0) metrics.bytesOut[NATIVE].add(handed.nativeBytes)
      const now = clock.now()
      metrics.deliveryLatency.observe((now - message.time) / 1000, exemplarOf(message.trace, now))
      written(message.channel)
    },
    logRead: (why) => metrics.logReads[why].inc(),
    ephemeralDropped: (count) => metrics.ephemeralDropped.add(count),
    slow: (policy) => metrics.slowConsumers[policy].inc(),
    replayed(durable) {
      metrics.replayed.inc()
      if (durable) metrics.durableDelivered.inc()
    },
    gap: () => metrics.feedGaps.inc(),
    unacknowledged: (messages) => metrics.unacknowledged.add(messages),
    reset: (reason) => metrics.resets[reason].inc(),
    tailGivenUp: () => metrics.tailsGivenUp.inc(),
    repair: (result) => metrics.feedRepairs[result].inc(),
  }
}

/** Of what is traced alone. */
function exemplarOf(traceparent: string | undefined, atMs: number): Exemplar | undefined {
  if (traceparent === undefined) return undefined
  const trace = parseTraceparent(traceparent)
  return trace === undefined ? undefined : { traceId: trace.traceId, atMs }
}

/** Somebody may be told of a publish that was refused. */
export type PublishRefused = (error: SluiceError, about: object) => void

export interface PublishHearers {
  /** In milliseconds. */
  readonly appended: (ms: number) => void
  readonly refused: PublishRefused
  readonly published: (delivery: Delivery, request: PublishRequest, published: Published) => void
}

export function publisherMetrics(
  metrics: Metrics,
  clock: Pick<Clock, 'now'>,
  { appended, refused, published }: PublishHearers,
): PublisherMetrics {
  return {
    published(door, delivery, request, done) {
      metrics.published[door][delivery].inc()
      published(delivery, request, done)
    },
    duplicate: () => metrics.publishDuplicates.inc(),
    refused(error, { door, target, id, from }) {
      metrics.publishErrors[error.code].inc()
      if (error.code === 'limit_exceeded') metrics.limitsHit.payload.inc()
      refused(error, { door, ...target, id, from })
    },
    appended(seconds, trace) {
      metrics.logAppends.inc()
      metrics.logAppendTime.observe(seconds, trace === undefined ? undefined : exemplarOf(trace, clock.now()))
      appended(seconds * 1000)
    },
    unicastNodes: (count) => metrics.unicastNodes.observe(count),
    degraded: () => metrics.publishDegraded.inc(),
  }
}

export interface SessionHearers {
  /** In milliseconds. */
  readonly connected: (ms: number) => void
  readonly clock: Pick<Clock, 'now'>
  readonly refused: PublishRefused
}

export function sessionMetrics(
  metrics: Metrics,
  { connected, clock, refused }: SessionHearers,
): SessionMetrics {
  return {
    connected(how, transport, tookMs) {
      metrics.resumes[how][transport].inc()
      connected(tookMs)
    },
    channelResumed: (result) => metrics.channelResumes[result].inc(),
    reauth: (result) => metrics.reauths[result].inc(),
    tokenChecked: (result) => metrics.tokenChecks[result].inc(),
    errorSent: (code) => metrics.protocolErrors[code].inc(),
    takenOver: () => metrics.takeovers.inc(),
    limitHit: (limit) => metrics.limitsHit[limit].inc(),
    acknowledged({ messages, acceptedMs }) {
      metrics.acks.inc()
      metrics.acknowledged.add(messages)
      if (acceptedMs !== undefined) metrics.ackLatency.observe((clock.now() - acceptedMs) / 1000)
    },
    publishDenied(error, from, channel) {
      metrics.publishErrors[error.code].inc()
      refused(error, { door: 'client', channel, from })
    },
  }
}

export function edgeMetrics(metrics: Metrics): EdgeMetrics {
  return {
    bytesIn: (transport, bytes) => metrics.bytesIn[transport].add(bytes),
    bytesOut: (transport, bytes) => metrics.bytesOut[transport].add(bytes),
    frameIn: () => metrics.framesIn.inc(),
    protocolError: (code: ErrorCode) => metrics.protocolErrors[code].inc(),
    refused: (reason) => metrics.refusals[reason].inc(),
    ephemeralDropped: (count) => metrics.ephemeralDropped.add(count),
    limitHit: (limit) => metrics.limitsHit[limit].inc(),
  }
}

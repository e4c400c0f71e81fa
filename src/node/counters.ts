/**
 * What each room counts with, made of the cells of the metrics page. Part of the composition: rooms know neither the
 * names on the page nor each other.
 */
import type { Clock } from '../clock.ts'
import type { EdgeMetrics } from '../edge/ports.ts'
import type { HubMetrics } from '../hub/hub.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { ErrorCode } from '../protocol/codes.ts'
import type { PublisherMetrics } from '../publish/publisher.ts'
import type { SessionMetrics } from '../session/ports.ts'

export function hubMetrics(metrics: Metrics, clock: Clock): HubMetrics {
  return {
    fannedOut(encoded, websocket, sse, poll) {
      metrics.fanout.observe(websocket + sse + poll)
      if (websocket + sse + poll === 0) return
      metrics.delivered.websocket.add(websocket)
      metrics.delivered.sse.add(sse)
      metrics.delivered.poll.add(poll)
      if (websocket > 0) metrics.bytesOut.websocket.add(websocket * encoded.webSocket.length)
      metrics.deliveryLatency.observe((clock.now() - encoded.message.time) / 1000)
    },
    logRead: (why) => metrics.logReads[why].inc(),
    ephemeralDropped: (count) => metrics.ephemeralDropped.add(count),
    slow: (policy) => metrics.slowConsumers[policy].inc(),
    replayed: () => metrics.replayed.inc(),
    reset: (reason) => metrics.resets[reason].inc(),
    tailGivenUp: () => metrics.tailsGivenUp.inc(),
    repair: (result) => metrics.feedRepairs[result].inc(),
  }
}

/** `appended`: in milliseconds. */
export function publisherMetrics(metrics: Metrics, appended: (ms: number) => void): PublisherMetrics {
  return {
    published: (door, delivery) => metrics.published[door][delivery].inc(),
    duplicate: () => metrics.publishDuplicates.inc(),
    refused(error) {
      metrics.publishErrors[error.code].inc()
      if (error.code === 'limit_exceeded') metrics.limitsHit.payload.inc()
    },
    appended(seconds) {
      metrics.logAppends.inc()
      metrics.logAppendTime.observe(seconds)
      appended(seconds * 1000)
    },
    unicastNodes: (count) => metrics.unicastNodes.observe(count),
    degraded: () => metrics.publishDegraded.inc(),
  }
}

/** `connected`: in milliseconds. */
export function sessionMetrics(metrics: Metrics, connected: (ms: number) => void): SessionMetrics {
  return {
    connected(resume, tookMs) {
      metrics.resumes[resume].inc()
      connected(tookMs)
    },
    channelResumed: (result) => metrics.channelResumes[result].inc(),
    reauth: (result) => metrics.reauths[result].inc(),
    tokenChecked: (result) => metrics.tokenChecks[result].inc(),
    errorSent: (code) => metrics.protocolErrors[code].inc(),
    takenOver: () => metrics.takeovers.inc(),
    limitHit: (limit) => metrics.limitsHit[limit].inc(),
    acknowledged: () => metrics.acks.inc(),
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

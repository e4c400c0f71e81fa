/**
 * Every metric of the gateway: name, kind, meaning and labels. The cells that rooms count with, the page at `/metrics`
 * and docs/metrics.md all come from here.
 *
 * The values of a label are a closed set. So every series exists, at zero, from the start (a rate over a series that
 * appears with its first event misses that event), and no peer can grow the page.
 */
import {
  CODE,
  TRANSPORT,
  DISCONNECT_REASONS,
  FAULTS,
  LIMITS,
  REFUSAL_REASONS,
  RESET_REASONS,
} from './metric-labels.ts'
import { PARTS } from './metric-parts.ts'
import { DRAIN_STATES, HOLD_REASONS } from '../protocol/states.ts'
import { ANSWER_BUCKETS_S, counter, gauge, histogram, type MetricSpec } from './metric-spec.ts'

export { METRIC_PREFIX, type MetricSpec } from './metric-spec.ts'

/** From a local append to a client far behind, in seconds. */
const LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const FANOUT_BUCKETS = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000]
const NODE_BUCKETS = [0, 1, 2, 3, 5, 8, 13, 21]

const CONNECTIONS = {
  connections: gauge('connections', 'Open client connections.', TRANSPORT),
  connects: counter('connects_total', 'Connections that were admitted and opened.', TRANSPORT),
  disconnects: counter(
    'disconnects_total',
    'Connections that ended: by the close code the gateway sent, by the client (1000, 1001), lost without a close frame, or a poll that was answered.',
    { name: 'reason', values: DISCONNECT_REASONS },
  ),
  sessions: gauge(
    'sessions',
    'Sessions that this node holds, connected or waiting for their client to resume.',
  ),
  resumes: counter(
    'resumes_total',
    'Sessions at connect: new, resumed, asked for by an id that nobody knows any more, or new with a place to go on from (`returned`), as streams and polls come back.',
    { name: 'result', values: ['new', 'returned', 'resumed', 'unknown_session'] },
    TRANSPORT,
  ),
  channelResumes: counter(
    'channel_resumes_total',
    'Channels of resuming clients: every message recovered, reset because some are gone, or refused.',
    { name: 'result', values: ['recovered', 'reset', 'refused'] },
  ),
  takeovers: counter('takeovers_total', 'Sessions that a newer connection took from an older one.'),
  tokenChecks: counter(
    'token_checks_total',
    'Tokens that were checked. `unauthorized`: missing, malformed, wrongly signed or expired. `unavailable`: the keys could not be fetched.',
    { name: 'result', values: ['good', 'unauthorized', 'revoked', 'unavailable'] },
  ),
  reauths: counter(
    'reauth_total',
    'Re-authentications: asked of a client, answered with a good token, answered with a bad one, never answered.',
    { name: 'result', values: ['asked', 'renewed', 'refused', 'expired'] },
  ),
  revocations: counter('revocations_total', 'Revocations of a user that reached this node.'),
  reconnectsAsked: counter('reconnects_asked_total', 'Clients that were asked to connect elsewhere.', {
    name: 'reason',
    values: ['drain', 'overload', 'move'],
  }),
  drainMoves: counter(
    'drain_moves_total',
    'Clients of a drain: confirmed on another node; closed because their time was up; of those, back on another node by themselves.',
    { name: 'result', values: ['confirmed', 'closed', 'returned'] },
  ),
  drainState: gauge(
    'drain_state',
    '1 for the state of the drain of this node, or of the last one where it stays; 0 for the others.',
    { name: 'state', values: DRAIN_STATES },
  ),
  drainHolding: gauge(
    'drain_holding',
    '1 for the reason for which nobody is asked to move now: no other node takes clients, a part of this node does not answer, another node queues connections, or is without one of its parts, or all are full; the last who left are not back yet; the job waits.',
    { name: 'reason', values: HOLD_REASONS },
  ),
  drainRemaining: gauge(
    'drain_remaining',
    'Connections that a drain or a rebalance of this node still moves.',
  ),
  drainEstimate: gauge(
    'drain_estimate_seconds',
    'How long the drain or the rebalance of this node takes from here on, by its plan; 0 where nothing moves.',
  ),
  jobsRunning: gauge(
    'jobs_running',
    'Drains and rebalances of the cluster that run, as this node knows of them.',
  ),
  deployChanged: gauge(
    'deploy_changed_seconds',
    'When the version that clients go to last became another one, as this node saw it, in seconds since 1970: a mark for dashboards.',
  ),
} satisfies Record<string, MetricSpec>

const ADMISSION = {
  refusals: counter(
    'refusals_total',
    'Connection attempts that were turned away: at the connection limit, over the rate of their address, event loop too late, memory too full, waiting room full, waited too long, left while waiting, a state in which the node does not admit, an origin that is not allowed, a subprotocol that is not spoken, or a move that is better made to a node of a later deploy.',
    { name: 'reason', values: REFUSAL_REASONS },
  ),
  admissionQueue: gauge('admission_queue_length', 'Connection attempts in the waiting room.'),
  admissionWait: histogram(
    'admission_wait_seconds',
    'How long an admitted connection attempt waited; 0 where it did not.',
    LATENCY_BUCKETS_S,
  ),
  admissionPressure: gauge(
    'admission_pressure',
    '0: the node admits at once. 1: its waiting room is full, or it admits nobody.',
  ),
  admissionOffered: gauge(
    'admission_offered_per_second',
    'Connections that the node offers to take in a second; 0: none, or there is no limit.',
  ),
  limitsHit: counter('limits_hit_total', 'How often a peer hit a limit, by the name of the limit.', {
    name: 'limit',
    values: LIMITS,
  }),
  protocolErrors: counter('protocol_errors_total', 'Errors that were sent to clients.', CODE),
} satisfies Record<string, MetricSpec>

const PUBLISHING = {
  published: counter(
    'published_total',
    'Messages that were accepted on this node, repeated ids not counted.',
    { name: 'door', values: ['http', 'nats', 'client'] },
    { name: 'delivery', values: ['ephemeral', 'replay', 'durable'] },
  ),
  publishDuplicates: counter(
    'publish_duplicates_total',
    'Publishes whose id had been seen before: answered with the first position, stored and sent once.',
  ),
  publishErrors: counter('publish_errors_total', 'Publishes that were refused.', CODE),
  publishDegraded: counter(
    'publish_degraded_total',
    'Publishes that were accepted while the backbone or the log was not whole; the message arrives later, by mesh or log repair.',
  ),
  unicastNodes: histogram(
    'unicast_nodes',
    "Nodes that a message to a user's inbox was sent to.",
    NODE_BUCKETS,
  ),
} satisfies Record<string, MetricSpec>

const DELIVERY = {
  channels: gauge('channels', 'Channels with a feed on this node.'),
  subscriptions: gauge('subscriptions', 'Subscriptions of local clients.'),
  feedBytes: gauge(
    'feed_bytes',
    'What channels hold in memory for clients that come late, come back or are slow; at most `feeds.memory`.',
  ),
  tailsGivenUp: counter(
    'tails_given_up_total',
    'How often a channel gave up what it held because `feeds.memory` was used up; its readers are served from the log.',
  ),
  delivered: counter(
    'delivered_total',
    'Messages that were handed to the sockets of subscribers, replays included.',
    TRANSPORT,
  ),
  fanout: histogram('fanout', 'Local subscribers per message.', FANOUT_BUCKETS),
  deliveryLatency: histogram(
    'delivery_latency_seconds',
    'From the moment a publish was accepted (by the clock of the node that accepted it) to the write to local sockets; one observation per message, replays not counted.',
    LATENCY_BUCKETS_S,
  ),
  replayed: counter(
    'replayed_total',
    'Messages that were delivered from the tail or the log instead of live.',
  ),
  acks: counter(
    'acks_total',
    'Frames in which clients acknowledge durable messages; one covers everything before it.',
  ),
  durableDelivered: counter(
    'durable_delivered_total',
    'Messages of durable channels that were handed to WebSockets, which acknowledge them; one for each connection, repeats included.',
  ),
  acknowledged: counter(
    'acknowledged_total',
    'Messages of durable channels that were acknowledged: of five messages an acknowledgement of the second is two.',
  ),
  unacknowledged: counter(
    'unacknowledged_total',
    'Messages of durable channels that a connection had been handed and not acknowledged when it ended, or its log did: they are delivered again.',
  ),
  ackLatency: histogram(
    'ack_latency_seconds',
    'From the moment a publish was accepted (by the clock of the node that accepted it) to the acknowledgement of a client that has it; the newest message of each acknowledgement.',
    LATENCY_BUCKETS_S,
  ),
  probeLatency: histogram(
    'probe_latency_seconds',
    'From the write of a message to the acknowledgement of a client that has handled it: a sample, of clients that offer it (`@sluice/client/probe`).',
    LATENCY_BUCKETS_S,
    TRANSPORT,
  ),
  resets: counter(
    'resets_total',
    'Clients that were told to refetch their state, per channel: a hole that could not be filled, a log that was lost, a position older than the log.',
    { name: 'reason', values: RESET_REASONS },
  ),
  slowConsumers: counter(
    'slow_consumers_total',
    'How often a subscriber was found over its buffer limit, by what was done.',
    { name: 'policy', values: ['catch-up', 'conflate', 'disconnect'] },
  ),
  ephemeralDropped: counter(
    'ephemeral_dropped_total',
    'Messages of ephemeral channels that a slow subscriber did not get.',
  ),
  feedGaps: counter('feed_gaps_total', 'Holes that were found in a feed.'),
  feedRepairs: counter(
    'feed_repairs_total',
    'Holes in a feed: filled from the log, turned into a reset, or not yet (the log could not be read; tried again).',
    { name: 'result', values: ['filled', 'reset', 'failed'] },
  ),
} satisfies Record<string, MetricSpec>

const WIRE = {
  bytesIn: counter('bytes_in_total', 'Payload bytes of frames and requests from clients.', TRANSPORT),
  bytesOut: counter(
    'bytes_out_total',
    'Payload bytes that were handed to the sockets of clients, before TLS and compression.',
    TRANSPORT,
  ),
  framesIn: counter('frames_in_total', 'Frames from clients.'),
} satisfies Record<string, MetricSpec>

const NODE = {
  faults: counter(
    'faults_total',
    'Faults of the gateway, by where they were met; the log has each kind with its stack. The connection that met one is closed with 1011. Anything but 0 is worth a report.',
    { name: 'place', values: FAULTS },
  ),
  apiRequests: counter(
    'api_requests_total',
    'Requests to the API for backends and operators; what balancers and Kubernetes probe with is none.',
    {
      name: 'status',
      values: ['2xx', '3xx', '4xx', '5xx'],
    },
  ),
  apiRequestTime: histogram('api_request_seconds', 'How long the API took to answer.', ANSWER_BUCKETS_S),
  eventLoopLag: gauge(
    'event_loop_lag_seconds',
    'How late the event loop serves whoever comes at a random moment, smoothed. What admission goes by.',
  ),
  certificateExpiry: gauge(
    'certificate_expiry_seconds',
    'Until the certificate that a listener shows is over; NaN where the listener has none.',
    { name: 'listener', values: ['public', 'api'] },
  ),
  nodeState: gauge('node_state', '1 for the state that the node is in, 0 for the others.', {
    name: 'state',
    values: ['starting', 'active', 'cordoned', 'draining', 'closing'],
  }),
} satisfies Record<string, MetricSpec>

/** By subject, in the order of the page. */
export const METRIC_GROUPS: readonly (readonly [string, Readonly<Record<string, MetricSpec>>])[] = [
  ['Connections and sessions', CONNECTIONS],
  ['Admission and limits', ADMISSION],
  ['Publishing', PUBLISHING],
  ['Delivery', DELIVERY],
  ['Wire', WIRE],
  ['Parts', PARTS],
  ['Node', NODE],
]

export const METRIC_TABLE = {
  ...CONNECTIONS,
  ...ADMISSION,
  ...PUBLISHING,
  ...DELIVERY,
  ...WIRE,
  ...PARTS,
  ...NODE,
}

/** Constant 1; says in its labels what runs. Its values are the node's own, so they are set once, at the start. */
export const NODE_INFO = {
  name: 'node_info',
  kind: 'gauge',
  help: 'Always 1; the labels say what runs.',
  labels: ['node', 'version', 'region', 'role', 'runtime'],
} as const

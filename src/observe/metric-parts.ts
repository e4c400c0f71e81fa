/**
 * The metrics of what a node is put together from: its part of `metric-table.ts`.
 */
import { ANSWER_BUCKETS_S, counter, gauge, histogram, type MetricSpec } from './metric-spec.ts'

export const PARTS = {
  logReads: counter(
    'log_reads_total',
    'Reads of the replay log: for a subscriber that joins, to fill a hole, for a slow subscriber, for the newest messages, to compare a head.',
    { name: 'why', values: ['join', 'repair', 'catch_up', 'last', 'head'] },
  ),
  logAppends: counter('log_appends_total', 'Messages that were appended to the replay log.'),
  logAppendTime: histogram(
    'log_append_seconds',
    'How long an append to the replay log took; one in the memory of the node counts as 0.',
    ANSWER_BUCKETS_S,
  ),
  logSuccessions: counter(
    'log_successions_total',
    'Channels whose server of Redis was replaced by another one as it was asked to, once for each node that uses them: `kept`, they went on; `reset`, it lacked messages of them.',
    { name: 'outcome', values: ['kept', 'reset'] },
  ),
  backboneMessages: counter(
    'backbone_messages_total',
    'Messages from and to the backbone, control messages included.',
    { name: 'direction', values: ['in', 'out'] },
  ),
  backboneRoundTrip: histogram(
    'backbone_round_trip_seconds',
    'How long a word of the node to itself was on its way through the backbone; one at each `cluster.canary`.',
    ANSWER_BUCKETS_S,
  ),
  registryOps: counter(
    'registry_ops_total',
    'Calls of the registry.',
    {
      name: 'op',
      values: [
        'claim',
        'release',
        'keep',
        'locate',
        'revoke',
        'revoked',
        'disconnect',
        'putOn',
        'takeOff',
        'standing',
        'orders',
        'heartbeat',
        'nodes',
        'leave',
        'firstSeen',
        'swap',
        'put',
        'take',
        'read',
      ],
    },
    { name: 'result', values: ['ok', 'error'] },
  ),
  meshLinks: gauge(
    'mesh_links',
    'Nodes that are linked directly, because the backbone does not reach this node or them.',
  ),
  meshRefusals: counter(
    'mesh_refusals_total',
    'Links between nodes that were refused: `in` by this node, `out` by another one; `secret`: the two do not share `node.clusterSecret`, `clock`: their clocks differ, `replayed`: somebody has shown the token of another link again.',
    { name: 'direction', values: ['in', 'out'] },
    { name: 'why', values: ['secret', 'clock', 'replayed'] },
  ),
  packetRefusals: counter(
    'packet_refusals_total',
    'What came over NATS and was refused: `bare`: not sealed, as by a node of another version; `secret`: sealed with another `node.clusterSecret`, or changed on its way; `clock`: sealed by a node whose clock differs by more than a minute; `replayed`: was here before; `reply`: a publish whose answer was to go to a subject of the gateway or of the server.',
    { name: 'why', values: ['bare', 'secret', 'clock', 'replayed', 'reply'] },
  ),
  webhookEvents: counter(
    'webhook_events_total',
    'Events for backends, by what became of them: taken, given up (a dead letter), or dropped because the backlog was full or the store away for too long.',
    { name: 'result', values: ['taken', 'dead', 'lost'] },
  ),
  webhookRefusals: counter(
    'webhook_refusals_total',
    'Requests to backends that were not taken: no answer, or not a good one. What is in them is told again.',
  ),
  hookCalls: counter(
    'hook_decisions_total',
    'Clients that a backend has a say in (`hooks`): granted by it, granted before and kept, refused, or decided without it because it did not answer.',
    { name: 'result', values: ['granted', 'kept', 'refused', 'away'] },
  ),
  webhooksWaiting: gauge(
    'webhooks_waiting',
    'Events that this node is to tell backends; of a cluster one node tells.',
  ),
  webhooksDead: gauge(
    'webhooks_dead',
    'Dead letters, as the node saw last that tells: what backends refused for too long. See GET /v1/webhooks/dead.',
  ),
  malformedNodes: gauge(
    'malformed_nodes',
    'Entries in the table of nodes that are not ones that nodes make: something else writes there. They are skipped.',
  ),
  deaf: gauge('deaf', '1: the node does not hear what it sends itself through the backbone.'),
  natsDoor: gauge(
    'nats_door',
    '1: the node takes publishes of backends over NATS. 0: it does not; its role is `edge`, NATS is away, or it is not well while another node is.',
  ),
  durableTrouble: gauge(
    'durable_trouble',
    '1: JetStream does not do what durable channels need, though NATS can be reached. `resources`: out of disk or of what it is allowed, so that it stores nothing more, until it stores again; `absent`: not enabled, or disabled by the server; `silent`: no answer; `refused`: another reason, which the log has.',
    { name: 'why', values: ['resources', 'absent', 'silent', 'refused'] },
  ),
  partUp: gauge('part_up', '1: the part answers. 0: the node runs degraded.', {
    name: 'part',
    values: ['backbone', 'registry', 'log'],
  }),
} satisfies Record<string, MetricSpec>

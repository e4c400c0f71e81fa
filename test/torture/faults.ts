/**
 * All faults that a run knows, as data: who cannot reach whom, what is done to which server, and that it heals. Whom a role means is
 * drawn for each round (`plan.ts`), or found when it begins (`primary`).
 */
import type { Fault, Lie, Role } from './fault.ts'
import type { LinkRule } from './network/rule.ts'

const CUT: LinkRule = { loss: 1 }
const SLOW: LinkRule = { delayMs: 200, jitterMs: 190 }
const NARROW: LinkRule = { bytesPerSecond: 8000 }

function cut(from: readonly Role[], to: readonly Role[]): Lie {
  return { from, to, rule: CUT, bothWays: true }
}

function deaf(from: readonly Role[], to: readonly Role[]): Lie {
  return { from, to, rule: CUT }
}

function under(rule: LinkRule, from: readonly Role[], to: readonly Role[]): Lie {
  return { from, to, rule, bothWays: true }
}

const EVERYBODY: readonly Role[] = ['all gateways', 'all nats', 'all redis', 'all sentinels', 'clients']
const STORES: readonly Role[] = ['all nats', 'all redis', 'all sentinels']
/** Long enough for the Sentinels to replace a primary, and for nodes to notice. */
const A_FAILOVER: readonly [number, number] = [14, 20]

const CUTS: readonly Fault[] = [
  {
    name: 'gateway-without-redis',
    what: 'a gateway is cut from Redis and the Sentinels',
    lies: [cut(['gateway'], ['all redis', 'all sentinels'])],
    joins: true,
  },
  {
    name: 'gateway-deaf-to-redis',
    what: 'a gateway reaches Redis, and hears no answer',
    lies: [deaf(['all redis'], ['gateway'])],
    joins: true,
  },
  {
    name: 'redis-deaf-to-gateway',
    what: 'Redis reaches a gateway, and hears nothing of it',
    lies: [deaf(['gateway'], ['all redis'])],
  },
  {
    name: 'gateway-without-nats',
    what: 'a gateway is cut from NATS',
    lies: [cut(['gateway'], ['all nats'])],
    joins: true,
  },
  {
    name: 'gateway-deaf-to-nats',
    what: 'a gateway reaches NATS, and hears nothing',
    lies: [deaf(['all nats'], ['gateway'])],
    joins: true,
  },
  {
    name: 'nats-deaf-to-gateway',
    what: 'NATS reaches a gateway, and hears nothing of it',
    lies: [deaf(['gateway'], ['all nats'])],
  },
  {
    name: 'gateway-without-nats-and-gateways',
    what: 'a gateway is cut from NATS and from the other gateways',
    lies: [cut(['gateway'], ['all nats', 'other gateways'])],
  },
  {
    name: 'gateway-deaf-to-gateways',
    what: 'what the other gateways send to one does not arrive',
    lies: [deaf(['other gateways'], ['gateway'])],
    joins: true,
  },
  {
    name: 'gateway-for-clients-only',
    what: 'a gateway is cut from everything but its clients',
    lies: [cut(['gateway'], [...STORES, 'other gateways'])],
  },
  {
    name: 'gateway-alone',
    what: 'a gateway is cut from everything',
    lies: [cut(['gateway'], [...STORES, 'other gateways', 'clients'])],
  },
  {
    name: 'clients-deaf-to-gateway',
    what: 'what a gateway sends to clients does not arrive',
    lies: [deaf(['gateway'], ['clients'])],
  },
  {
    name: 'nats-routes-cut',
    what: 'a NATS server is cut from the others; its clients are not',
    lies: [cut(['nats'], ['other nats'])],
    seconds: A_FAILOVER,
  },
  {
    name: 'nats-route-one-way',
    what: 'a NATS server reaches the others, and hears nothing of them',
    lies: [deaf(['other nats'], ['nats'])],
    seconds: A_FAILOVER,
  },
  {
    name: 'nats-split',
    what: 'a NATS server and a gateway on one side, the other NATS servers and gateways on the other; all reach Redis',
    lies: [cut(['nats', 'gateway'], ['other nats', 'other gateways'])],
  },
  {
    name: 'replication-cut',
    what: 'the replica of Redis is cut from the primary',
    lies: [cut(['primary'], ['replica'])],
    needs: 'sentinels',
  },
]

const SPLIT_BRAINS: readonly Fault[] = [
  {
    name: 'split-brain',
    what: 'the primary, a gateway, a Sentinel and a NATS server on one side, the rest on the other; clients reach both',
    lies: [
      cut(
        ['primary', 'gateway', 'sentinel', 'nats'],
        ['replica', 'other gateways', 'other sentinels', 'other nats'],
      ),
    ],
    seconds: A_FAILOVER,
    needs: 'sentinels',
  },
  {
    name: 'split-brain-with-nats-whole',
    what: 'the primary and a gateway on one side of Redis, the replica and the Sentinels on the other; NATS is whole',
    lies: [cut(['primary', 'gateway'], ['replica', 'all sentinels']), cut(['primary'], ['other gateways'])],
    seconds: A_FAILOVER,
    needs: 'sentinels',
  },
  {
    name: 'sentinels-without-primary',
    what: 'the primary is cut from its replica and the Sentinels, and a gateway from the Sentinels; all gateways reach the primary',
    lies: [cut(['primary'], ['replica', 'all sentinels']), cut(['gateway'], ['all sentinels'])],
    seconds: A_FAILOVER,
    needs: 'sentinels',
  },
]

const BAD_LINES: readonly Fault[] = [
  {
    name: 'loss-at-gateway',
    what: 'a fifth of all packets of a gateway is lost',
    lies: [under({ loss: 0.2 }, ['gateway'], EVERYBODY)],
    joins: true,
  },
  {
    name: 'loss-everywhere',
    what: 'a tenth of all packets is lost',
    lies: [{ from: EVERYBODY, to: EVERYBODY, rule: { loss: 0.1 } }],
  },
  {
    name: 'reordering-at-nats',
    what: 'packets between a gateway and NATS take 10 to 390 ms, and overtake each other',
    lies: [under(SLOW, ['gateway'], ['all nats'])],
    joins: true,
  },
  {
    name: 'reordering-at-redis',
    what: 'packets between a gateway and Redis take 10 to 390 ms, and overtake each other',
    lies: [under(SLOW, ['gateway'], ['all redis'])],
  },
  {
    name: 'slow-redis',
    what: 'packets between Redis and all gateways take 10 to 390 ms',
    lies: [under(SLOW, ['all gateways'], ['all redis'])],
  },
  {
    name: 'slow-nats-routes',
    what: 'packets between the NATS servers take 10 to 390 ms',
    lies: [{ from: ['all nats'], to: ['all nats'], rule: SLOW }],
  },
  {
    name: 'narrow-gateway',
    what: 'a gateway has 64 kbit/s to NATS, Redis and the other gateways',
    lies: [under(NARROW, ['gateway'], ['all nats', 'all redis', 'other gateways'])],
  },
  {
    name: 'narrow-clients',
    what: 'a gateway has 64 kbit/s to its clients',
    lies: [{ from: ['gateway'], to: ['clients'], rule: NARROW }],
  },
]

const ENDS: readonly Fault[] = [
  { name: 'frozen-gateway', what: 'a gateway stands still', deeds: [{ do: 'freeze', whom: ['gateway'] }] },
  { name: 'frozen-nats', what: 'a NATS server stands still', deeds: [{ do: 'freeze', whom: ['nats'] }] },
  {
    name: 'frozen-primary',
    what: 'the primary of Redis stands still, and is replaced',
    deeds: [{ do: 'freeze', whom: ['primary'] }],
    seconds: A_FAILOVER,
  },
  {
    name: 'primary-frozen-shortly',
    what: 'the primary of Redis stands still for too short to be replaced',
    deeds: [{ do: 'freeze', whom: ['primary'] }],
    seconds: [2, 2],
  },
  {
    name: 'killed-gateway',
    what: 'a gateway is killed',
    deeds: [{ do: 'kill', whom: ['gateway'] }],
    joins: true,
  },
  { name: 'killed-nats', what: 'a NATS server is killed', deeds: [{ do: 'kill', whom: ['nats'] }] },
  {
    name: 'two-killed-nats',
    what: 'all NATS servers but one are killed',
    deeds: [{ do: 'kill', whom: ['other nats'] }],
  },
  {
    name: 'all-nats-killed',
    what: 'all NATS servers are killed',
    deeds: [{ do: 'kill', whom: ['all nats'] }],
  },
  {
    name: 'killed-primary',
    what: 'the primary of Redis is killed, and replaced',
    deeds: [{ do: 'kill', whom: ['primary'] }],
    seconds: A_FAILOVER,
  },
  {
    name: 'restarted-primary',
    what: 'the primary of Redis is killed, and is back at once, with nothing in it',
    deeds: [{ do: 'restart', whom: ['primary'] }],
  },
  {
    name: 'killed-sentinels',
    what: 'two of three Sentinels are killed',
    deeds: [{ do: 'kill', whom: ['other sentinels'] }],
    needs: 'sentinels',
  },
  {
    name: 'failover',
    what: 'the Sentinels are told to replace the primary',
    deeds: [{ do: 'fail over' }],
    needs: 'sentinels',
  },
]

const LIMITS: readonly Fault[] = [
  {
    name: 'full-disk',
    what: 'the disk of a NATS server is full',
    deeds: [{ do: 'fill the disk', whom: ['nats'] }],
  },
  {
    name: 'full-disks',
    what: 'the disks of all NATS servers are full',
    deeds: [{ do: 'fill the disk', whom: ['all nats'] }],
    // Servers that cannot write what their cluster has agreed on forget which streams there are.
    endsDurableLogs: true,
  },
  {
    name: 'redis-takes-no-writes',
    what: 'Redis has no memory left, and evicts nothing',
    deeds: [{ do: 'limit Redis', policy: 'noeviction', spareBytes: -1_000_000 }],
  },
  {
    name: 'redis-evicts',
    what: 'Redis has no memory left, and evicts what was not used for long',
    deeds: [{ do: 'limit Redis', policy: 'allkeys-lru', spareBytes: -300_000 }],
  },
  {
    name: 'redis-forgets-all',
    what: 'somebody empties Redis',
    deeds: [{ do: 'tell the primary', command: ['flushall'] }],
    seconds: [3, 5],
  },
  {
    name: 'redis-ends-connections',
    what: 'Redis ends all connections of clients twice a second',
    deeds: [{ do: 'repeat to Redis', command: ['client', 'kill', 'type', 'normal'], everyMs: 500 }],
  },
  {
    name: 'redis-forgets-scripts',
    what: 'Redis forgets all scripts five times a second',
    deeds: [{ do: 'repeat to Redis', command: ['script', 'flush'], everyMs: 200 }],
  },
  {
    name: 'clock-ahead',
    what: 'the clock of a gateway jumps 90 s ahead, and back',
    deeds: [{ do: 'move the clock', whom: ['gateway'], bySeconds: 90 }],
  },
  {
    name: 'clock-behind',
    what: 'the clock of a gateway jumps 90 s back, and ahead',
    deeds: [{ do: 'move the clock', whom: ['gateway'], bySeconds: -90 }],
  },
]

const DEPARTURES: readonly Fault[] = [
  { name: 'drain', what: 'a gateway is drained', deeds: [{ do: 'drain', whom: ['gateway'] }] },
  {
    name: 'rebalance',
    what: 'half of the clients of a gateway are moved',
    deeds: [{ do: 'rebalance', whom: ['gateway'] }],
    joins: true,
  },
  {
    name: 'drain-of-one-cut-off',
    what: 'a gateway is drained while it is cut from NATS, Redis and the Sentinels',
    deeds: [{ do: 'drain', whom: ['gateway'] }],
    lies: [cut(['gateway'], STORES)],
    seconds: A_FAILOVER,
  },
  {
    name: 'drain-while-others-are-cut-off',
    what: 'a gateway is drained while the others are cut from NATS',
    deeds: [{ do: 'drain', whom: ['gateway'] }],
    lies: [cut(['other gateways'], ['all nats'])],
    seconds: A_FAILOVER,
  },
  {
    name: 'cold-start',
    what: 'everything is killed at once, and started again',
    deeds: [{ do: 'kill', whom: ['all gateways', 'all nats', 'all redis', 'all sentinels'] }],
    seconds: [3, 3],
  },
]

export const FAULTS: readonly Fault[] = [
  ...CUTS,
  ...SPLIT_BRAINS,
  ...BAD_LINES,
  ...ENDS,
  ...LIMITS,
  ...DEPARTURES,
]

export function faultNamed(name: string): Fault | undefined {
  return FAULTS.find((fault) => fault.name === name)
}

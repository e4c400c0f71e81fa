/**
 * A fault for each alert of deploy/prometheus/alerts.yaml. Those of `SIDE_BY_SIDE` do not get in each other's way; the others are made in turn. A test
 * makes the quick ones, `npm run storm -- alerts` all.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { aHerdWithoutKeys, cutOffs, imbalance, refusedTokens, silentClients, stuckReaders } from './crowds.ts'
import { againAndAgain, typed, type Fault } from './fault.ts'

const HURRIED_NODE_MS = { stopped: 700, runs: 80 }
const STALLED_NODE_MS = { stopped: 1600, runs: 400 }

/** Stopped and let go on, as a machine does that has more to do than it can. */
const rhythm = (node: string, { stopped, runs }: typeof HURRIED_NODE_MS): string => `
  pid=$(cat $CLUSTER/${node}.pid)
  kill -STOP $pid; sleep ${stopped / 1000}; kill -CONT $pid; sleep ${runs / 1000}`

/** Its supervisor starts it again, with what its file says now. */
const NATS_RESTARTS = 'kill $(cat $CLUSTER/nats-1.pid)'
const NATS_FILE_BACK = 'cp $CLUSTER/nats-1.before $CLUSTER/nats-1.conf'

const CERTIFICATES: Fault = {
  what: 'a certificate is over in two days',
  makes: [30, 14, 7].map((days) => ({
    alert: `SluiceCertificateIn${days}Days`,
    labels: { listener: 'public' },
  })),
  begin: async (world) => {
    await world.showCertificate(true)
    return () => world.showCertificate(false)
  },
}

export const SIDE_BY_SIDE: readonly Fault[] = [
  typed(
    'somebody who is no node speaks on the subjects of nodes',
    [{ alert: 'SluicePacketsRefused', labels: { why: 'bare' } }],
    `port=$(curl -s $NATS_MONITOR/varz | grep -oE '"port": [0-9]+' | grep -oE '[0-9]+')
    exec 3<>/dev/tcp/127.0.0.1/$port
    printf 'CONNECT {"verbose":false}\\r\\nPUB sluice.all 4\\r\\njunk\\r\\nPING\\r\\n' >&3
    while read -r line <&3; do case "$line" in PONG*) break;; esac; done`,
  ),
  typed(
    'somebody else writes into the table of nodes',
    [{ alert: 'SluiceTableOfNodesSpoiled' }],
    `redis-cli -u $REDIS_URL hset sluice:nodes nonsense '9999999999999 0 {nonsense}'`,
    'redis-cli -u $REDIS_URL hdel sluice:nodes nonsense',
  ),
  typed(
    'a rejection that nobody takes, put in by a signal',
    [{ alert: 'SluiceFaults', labels: { place: 'unhandled_rejection' } }],
    'kill -PIPE $(cat $CLUSTER/node-3.pid)',
  ),
  CERTIFICATES,
  cutOffs,
  refusedTokens,
  aHerdWithoutKeys,
  silentClients,
]

/** Side by side as well; they take longer, or more, than a test may. */
export const LARGE: readonly Fault[] = [imbalance, stuckReaders]

const aNodeLeaks = typed(
  'a node keeps 1.5 GiB that it never gives back, put in by a signal, and is killed in the end',
  [{ alert: 'SluiceMemoryHigh' }],
  'kill -WINCH $(cat $CLUSTER/node-3.pid)',
  'kill -KILL $(cat $CLUSTER/node-3.pid)',
)

const redisStandsStill: Fault = {
  what: 'Redis stands still',
  makes: [
    { alert: 'SluicePublishesFail', labels: { code: 'unavailable' } },
    { alert: 'SluicePartDown', labels: { part: 'registry' } },
    { alert: 'SluiceInternalErrors' },
  ],
  begin: async (world) => {
    await world.type('kill -STOP $(cat $CLUSTER/redis.pid)')
    const publishers = againAndAgain(200, async () => {
      const statuses = await Promise.all(Array.from({ length: 15 }, () => world.publish('news', 'lost')))
      if (!statuses.includes(503)) throw new Error(`Redis stands still, and publishes get ${statuses.join()}`)
    })
    return async () => {
      await publishers()
      await world.type('kill -CONT $(cat $CLUSTER/redis.pid)')
    }
  },
}

/** What a node of another secret publishes is in the log, and nobody hears of it: a hole for those who hear the next message. */
const logIsClosed: Fault = {
  what: 'the log may not be read, and messages are missing',
  makes: [{ alert: 'SluiceRepairsFail' }],
  begin: async (world) => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => world.client()))
    for (const client of clients) await client.request({ type: 'subscribe', ref: 1, channel: 'holes' })
    await world.publish('holes', 'before')
    await Promise.all(clients.map((client) => client.find(({ data }) => data === 'before')))
    await world.stranger.publish({ channel: 'holes', data: 'unheard' })
    await world.type('redis-cli -u $REDIS_URL acl setuser default -xrange')
    await world.publish('holes', 'after')
    return async () => {
      await world.type('redis-cli -u $REDIS_URL acl setuser default +xrange')
      for (const text of ['unheard', 'after'])
        await Promise.all(clients.map((client) => client.find(({ data }) => data === text)))
      for (const client of clients) client.cut()
    }
  },
}

const natsStandsStill = typed(
  'NATS stands still, and one node has another secret',
  [
    { alert: 'SluicePartDown', labels: { part: 'backbone' } },
    { alert: 'SluiceLinksRefused', labels: { why: 'secret' } },
  ],
  'kill -STOP $(cat $CLUSTER/nats-1.pid)',
  'kill -CONT $(cat $CLUSTER/nats-1.pid)',
)

const redisLosesAll: Fault = {
  what: 'Redis loses its data, and clients come back with their places',
  makes: [{ alert: 'SluiceMessagesLost', labels: { reason: 'epoch' } }, { alert: 'SluiceResets' }],
  begin: async (world) => {
    await world.publish('lost', 'first')
    const client = await world.client()
    const { epoch, offset } = await client.request({ type: 'subscribe', ref: 1, channel: 'lost' })
    await world.type('redis-cli -u $REDIS_URL flushall')
    const again = againAndAgain(100, async () => {
      await world.publish('lost', 'more')
      const one = await world.client({ resume: { lost: { epoch, offset } } })
      one.cut()
    })
    return async () => {
      await again()
      client.cut()
    }
  },
}

const nodesAreSlow: Fault = {
  what: 'two nodes get too little of the processor',
  makes: [{ alert: 'SluiceEventLoopLate' }, { alert: 'SluiceDeliverySlow' }],
  begin: async (world) => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => world.client()))
    for (const client of clients) await client.request({ type: 'subscribe', ref: 1, channel: 'slow' })
    const ends = [
      againAndAgain(0, () => world.type(rhythm('node-2', HURRIED_NODE_MS))),
      againAndAgain(0, () => world.type(rhythm('node-3', STALLED_NODE_MS))),
      againAndAgain(100, () => world.publish('slow', 'x', world.env['NODE_URL'])),
    ]
    return async () => {
      for (const end of ends) await end()
      for (const client of clients) client.cut()
    }
  },
}

/** Of clients who never move when they are asked to. */
const drainIsForced: Fault = {
  what: 'a drain ends at its deadline, with clients who did not move',
  makes: [{ alert: 'SluiceDrainForced' }],
  begin: async (world) => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => world.client()))
    await world.type(`sluice drain ${await world.nodeId(1)} --over 1s --deadline 4s`)
    return async () => {
      for (const client of clients) client.cut()
      await delay(0)
    }
  },
}

const nobodyTakesClients: Fault = {
  what: 'all nodes are kept out, and one is drained',
  makes: [{ alert: 'SluiceNoActiveNode' }, { alert: 'SluiceDrainStalled' }, { alert: 'SluiceDrainOverPlan' }],
  shows: 'sluice_drain_holding{reason="alone"} > 0',
  begin: async (world) => {
    // These would take clients.
    await world.closeAlone()
    await world.closeStranger()
    const clients = await Promise.all(Array.from({ length: 12 }, () => world.client()))
    const id = await world.nodeId(1)
    await world.type(`sluice cordon --version '*'; sluice drain ${id} --over 5s --deadline 10m`)
    return async () => {
      await world.type(`sluice drain ${id} --cancel; sluice uncordon --version '*'`)
      for (const client of clients) client.cut()
    }
  },
}

const nodesAreDeaf = typed(
  'NATS lets nodes hear no more what is for them',
  [{ alert: 'SluiceDeaf' }],
  `cp $CLUSTER/nats-1.conf $CLUSTER/nats-1.before
  cat >> $CLUSTER/nats-1.conf <<'END'
authorization { users: [{ user: any, password: any, permissions: { publish: ">", subscribe: { deny: "sluice.node.>" } } }] }
no_auth_user: any
END
  ${NATS_RESTARTS}`,
  `${NATS_FILE_BACK}; ${NATS_RESTARTS}`,
)

const jetStreamIsAway = typed(
  'NATS has no JetStream any more',
  [{ alert: 'SluiceDurableTrouble', labels: { why: 'absent' } }],
  `cp $CLUSTER/nats-1.conf $CLUSTER/nats-1.before
  sed -i /jetstream/d $CLUSTER/nats-1.conf; ${NATS_RESTARTS}`,
  `${NATS_FILE_BACK}; ${NATS_RESTARTS}`,
)

const nodeStandsStill = typed(
  'a node stands still',
  [{ alert: 'SluiceNodeNotScraped', labels: { job: 'sluice' } }],
  'kill -STOP $(cat $CLUSTER/node-3.pid)',
  'kill -CONT $(cat $CLUSTER/node-3.pid)',
)

/** Each a few seconds, and what clears with them. The last one ends the nodes that are not of the cluster. */
export const IN_TURN: readonly Fault[] = [
  redisStandsStill,
  natsStandsStill,
  nodeStandsStill,
  nobodyTakesClients,
]

/** They want the nodes that are not of the cluster, so they come before. */
export const LONGER_IN_TURN: readonly Fault[] = [
  aNodeLeaks,
  logIsClosed,
  nodesAreSlow,
  nodesAreDeaf,
  jetStreamIsAway,
  redisLosesAll,
  drainIsForced,
]

export const ALL_FAULTS: readonly Fault[] = [...SIDE_BY_SIDE, ...LARGE, ...LONGER_IN_TURN, ...IN_TURN]

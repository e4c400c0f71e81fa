import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src/config/config-error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { RULES } from '../../../src/config/rules.ts'
import { type Config, type ConfigInput, SCHEMA } from '../../../src/config/schema.ts'

const GOOD = {
  auth: { jwtSecret: 'a secret of thirty-two characters' },
  api: { keys: ['shop:publish:0123456789abcdef'] },
} satisfies ConfigInput

const CLUSTER = {
  ...GOOD,
  nats: { url: 'nats://a' },
  redis: { url: 'redis://a' },
  node: { clusterSecret: '0123456789abcdef' },
} satisfies ConfigInput

function complaintsAbout(settings: ConfigInput, dev = false): readonly string[] {
  try {
    loadConfig({ settings, dev })
  } catch (error) {
    if (error instanceof ConfigError) return error.complaints
    throw error
  }
  return []
}

const BROKEN: readonly (readonly [why: string, settings: ConfigInput, complaint: RegExp])[] = [
  [
    'no key to check tokens with',
    { api: GOOD.api },
    /^there is nothing to check tokens with: set auth\.jwtSecret \(SLUICE_JWT_SECRET\)/,
  ],
  ['no API key', { auth: GOOD.auth }, /^api\.keys is empty: .*SLUICE_API_KEYS/],
  [
    'two apps in one namespace',
    { ...GOOD, dialects: { pusher: { apps: ['3:shop:k1:s1', '4:shop:k2:s2'] } } },
    /^dialects\.pusher\.apps .*: the app 3 must have one namespace that no other app has$/,
  ],
  [
    'an app in two namespaces',
    { ...GOOD, dialects: { pusher: { apps: ['3:shop:k1:s1', '3:chat:k2:s2'] } } },
    /the app 3 must have one namespace/,
  ],
  [
    'a key of two apps',
    { ...GOOD, dialects: { pusher: { apps: ['3:shop:k1:s1', '4:chat:k1:s2'] } } },
    /a key of the app 3 is in more than one entry$/,
  ],
  [
    'limits of an app that is not there',
    { ...GOOD, dialects: { pusher: { apps: ['3:shop:k1:s1'], limits: { '4': {} } } } },
    /^dialects\.pusher\.limits\[4\] .* is of no app in dialects\.pusher\.apps$/,
  ],
  [
    'any origin',
    { ...GOOD, allowedOrigins: ['*'] },
    /^allowedOrigins \(given by the program\) has \*, which only sluice dev allows/,
  ],
  [
    'NATS without Redis',
    { ...CLUSTER, redis: {} },
    /^nats\.url .* is set, but redis\.url \(SLUICE_REDIS_URL\) is not/,
  ],
  [
    'Redis without NATS',
    { ...CLUSTER, nats: {} },
    /^redis\.url .* is set, but nats\.url \(SLUICE_NATS_URL\) is not/,
  ],
  [
    'a cluster without a secret',
    { ...CLUSTER, node: {} },
    /^node\.clusterSecret \(SLUICE_CLUSTER_SECRET\) is missing/,
  ],
  [
    'a cost of a pod that has no name',
    { ...GOOD, kubernetes: { deletionCost: true } },
    /^kubernetes\.deletionCost \(given by the program\) is true, but kubernetes\.podName \(SLUICE_POD_NAME\) is not set/,
  ],
  [
    'a PROXY header that nobody would be believed',
    { ...GOOD, proxyProtocol: true },
    /^proxyProtocol \(given by the program\) is true, but trustedProxies \(SLUICE_TRUSTED_PROXIES\) is empty/,
  ],
  [
    'a PROXY header before a handshake',
    {
      ...GOOD,
      proxyProtocol: true,
      trustedProxies: ['10.0.0.7'],
      tls: { certFile: 'a.pem', keyFile: 'a.key' },
    },
    /^proxyProtocol .* is true, and tls .* is set: .* let the balancer end TLS$/,
  ],
  [
    'half a cluster alone',
    { ...GOOD, node: { role: 'edge' } },
    /^node\.role .* is edge, which is one half of a cluster/,
  ],
  [
    'TLS where no client connects',
    { ...CLUSTER, node: { ...CLUSTER.node, role: 'api' }, tls: { certFile: 'c', keyFile: 'k' } },
    /^tls .* is for the public listener/,
  ],
  [
    'durable without NATS',
    { ...GOOD, namespaces: { orders: { delivery: 'durable' } } },
    /^namespaces\.orders\.delivery .* is durable, which needs nats\.url/,
  ],
  [
    'forward without NATS',
    { ...GOOD, namespaces: { '*': { clientPublish: 'forward' } } },
    /^namespaces\.\*\.clientPublish .* is forward, which needs nats\.url/,
  ],
  [
    'one port for both listeners',
    { ...GOOD, port: 9000, api: { ...GOOD.api, port: 9000 } },
    /^port .* and api\.port .* are both 9000/,
  ],
  [
    'retryMin above retryMax',
    { ...GOOD, heartbeat: { retryMin: '5s' } },
    /^heartbeat\.retryMin .* is 5s, but must be at most heartbeat\.retryMax \(default\), which is 3s$/,
  ],
  [
    'a ping as rare as the timeout',
    { ...GOOD, heartbeat: { ping: '1m' } },
    /^heartbeat\.ping .* is 1m, but must be less than heartbeat\.idleTimeout/,
  ],
  [
    'a deadline as long as the interval',
    { ...GOOD, auth: { ...GOOD.auth, reauthInterval: '60s' } },
    /^auth\.reauthDeadline .* must be less than auth\.reauthInterval/,
  ],
  [
    'heartbeats as rare as the timeout of a node',
    { ...GOOD, cluster: { heartbeat: '6s' } },
    /^cluster\.heartbeat .* must be at most half of cluster\.nodeTtl/,
  ],
  [
    'a payload that does not fit into a frame',
    { ...GOOD, limits: { payload: '65KiB' } },
    /^limits\.payload .* is 65KiB, but must be at most 64KiB: more does not fit into limits\.frame \(default\), which is 65KiB$/,
  ],
  [
    'a payload that does not fit into a request',
    { ...GOOD, limits: { payload: '16KiB', requestBody: '22KiB' } },
    /^limits\.payload .* is 16KiB, but must be at most 16128B: more does not fit into limits\.requestBody/,
  ],
  [
    'streams of more channels than a session may have',
    { ...GOOD, limits: { channelsPerStream: 100, subscriptions: 99 } },
    /^limits\.channelsPerStream .* is 100, but must be at most limits\.subscriptions .*, which is 99$/,
  ],
  [
    'streams of more channels than fit into a request',
    { ...GOOD, limits: { channelsPerStream: 378 } },
    /^limits\.channelsPerStream .* is 378, but must be at most 377: more do not fit into the URL/,
  ],
  [
    'more channels than frames at once',
    { ...GOOD, limits: { subscriptions: 1001 } },
    /^limits\.subscriptions .* is 1001, but must be at most limits\.framesBurst \(default\), which is 1000$/,
  ],
  [
    'more channels than frames in a second, where no more come at once',
    { ...GOOD, limits: { subscriptions: 201, framesBurst: 0 } },
    /^limits\.subscriptions .* must be at most limits\.framesPerSecond/,
  ],
  [
    'a stream that does not hold one message',
    { ...GOOD, durable: { maxBytes: '64KiB' } },
    /^limits\.payload .* is 64KiB, but must be at most durable\.maxBytes .*, which is 64KiB, less 1KiB$/,
  ],
  [
    'a frame larger than the burst',
    { ...GOOD, limits: { frame: '5MiB' } },
    /^limits\.frame .* must be at most limits\.bytesBurst/,
  ],
  [
    'a frame larger than what a second allows',
    { ...GOOD, limits: { frame: '2MiB', bytesBurst: 0 } },
    /^limits\.frame .* must be at most limits\.bytesPerSecond/,
  ],
  [
    'fewer channels for a user than for one connection',
    { ...GOOD, limits: { subscriptionsPerUser: 500 } },
    /^limits\.subscriptionsPerUser .* is 500, but must be 0 or at least limits\.subscriptions \(default\), which is 512$/,
  ],
  [
    'a memory of all channels in which few of the largest have room',
    { ...GOOD, feeds: { memory: '8MiB', tailBytes: '4MiB' } },
    /^feeds\.memory .* is 8MiB, but must be 0 or at least 4 times feeds\.tailBytes .*, which is 4MiB$/,
  ],
  [
    'a memory of all channels as large as that of the process',
    { ...GOOD, feeds: { memory: '1GiB' }, admission: { maxMemory: '1GiB' } },
    /^feeds\.memory .* is 1GiB, but must be less than admission\.maxMemory .*, which is 1GiB$/,
  ],
  [
    'a backend that is told nowhere',
    withTargets({ a: {} }),
    /^webhooks\.targets\.a .* must have either a url or a subject/,
  ],
  [
    'a backend that is told over NATS without NATS',
    withTargets({ a: { subject: 'x' } }),
    /^webhooks\.targets\.a .* has a subject, which needs nats\.url/,
  ],
  [
    'a backend that could not tell who calls',
    withTargets({ a: { url: 'https://a' } }),
    /^webhooks\.targets\.a .* has a url, but neither a secret nor an app/,
  ],
  [
    'a backend of an app that is not there',
    withTargets({ a: { url: 'https://a', app: '3' } }),
    /^webhooks\.targets\.a .* is of the app 3, which is not in dialects\.pusher\.apps$/,
  ],
  [
    'a backend of Pusher that wants what Pusher has no word for',
    {
      ...withTargets({ a: { url: 'https://a', app: '3', events: ['user_connected'] } }),
      dialects: { pusher: { apps: ['3:shop:k:s'] } },
    },
    /^webhooks\.targets\.a .* wants user_connected, for which Pusher has no word/,
  ],
  [
    'a backend that has a say and is nowhere',
    { ...GOOD, hooks: {} },
    /^hooks .*must have either a url or a subject: who/,
  ],
  [
    'a backend that has a say over NATS without NATS',
    { ...GOOD, hooks: { subject: 'x' } },
    /^hooks\.subject .*needs nats\.url/,
  ],
  [
    'a backend that has a say and could not tell who asks',
    { ...GOOD, hooks: { url: 'https://a' } },
    /^hooks\.url .*needs hooks\.secret/,
  ],
  [
    'a user who is sent elsewhere away for less than one who goes',
    { ...GOOD, webhooks: { endsAfter: '1m' } },
    /^webhooks\.endsAfter .* must be at most webhooks\.movesWithin/,
  ],
]

function withTargets(targets: NonNullable<ConfigInput['webhooks']>['targets']): ConfigInput {
  return { ...GOOD, webhooks: { targets } }
}

describe('refused', () => {
  it.each(BROKEN)('%s', (_, settings, complaint) => {
    expect(complaintsAbout(settings)).toEqual([expect.stringMatching(complaint)])
  })

  it('a setting that all namespaces take from * is complained about there', () => {
    expect(complaintsAbout({ ...GOOD, namespaces: { news: {}, '*': { delivery: 'durable' } } })).toEqual([
      expect.stringMatching(/^namespaces\.\*\.delivery /),
    ])
  })

  it('every rule has an example here', () => {
    const unbroken = RULES.filter((rule) =>
      BROKEN.every(([, settings]) => {
        const config: Config = { ...SCHEMA.parse(settings), dev: false, devTokens: false }
        return rule.broken(config, (...path) => path.join('.')) === undefined
      }),
    )
    expect(unbroken.map(({ says }) => says)).toEqual([])
  })
})

describe('allowed', () => {
  it.each<readonly [string, ConfigInput]>([
    ['a single node', GOOD],
    ['a cluster', CLUSTER],
    ['a half of a cluster', { ...CLUSTER, node: { ...CLUSTER.node, role: 'api' } }],
    [
      'durable and forward in a cluster',
      { ...CLUSTER, namespaces: { a: { delivery: 'durable', clientPublish: 'forward' } } },
    ],
    ['any free port, twice', { ...GOOD, port: 0, api: { ...GOOD.api, port: 0 } }],
    ['equal times to retry', { ...GOOD, heartbeat: { retryMin: '3s' } }],
    [
      'many channels without a rate',
      { ...GOOD, limits: { subscriptions: 100_000, subscriptionsPerUser: 0, framesPerSecond: 0 } },
    ],
    ['a large frame without a rate', { ...GOOD, limits: { frame: '16MiB', bytesPerSecond: 0 } }],
    [
      'TLS on an edge',
      { ...CLUSTER, node: { ...CLUSTER.node, role: 'edge' }, tls: { certFile: 'c', keyFile: 'k' } },
    ],
  ])('%s', (_, settings) => {
    expect(complaintsAbout(settings)).toEqual([])
  })

  it('nothing at all for development', () => {
    expect(complaintsAbout({}, true)).toEqual([])
    expect(complaintsAbout({ allowedOrigins: ['*'] }, true)).toEqual([])
  })
})

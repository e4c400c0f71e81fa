/**
 * The configuration: one schema, one section for each room. Types, defaults, names of environment variables, the
 * documentation and the JSON Schema all come from here.
 *
 * Times are milliseconds and sizes are bytes once loaded, whatever they were written as.
 */
import * as z from 'zod'
import { authSection } from './auth-section.ts'
import type { DevFacts } from './dev-settings.ts'
import { dialectsSection } from './dialects-section.ts'
import { isPlan, PLAN_RULE } from './drain-plan.ts'
import { isApiKeyEntry, isHost, isLabel, isNetwork, isOrigin, isPublicUrl, isServerName } from './forms.ts'
import type { Frozen } from './frozen.ts'
import { kubernetesSection } from './kubernetes-section.ts'
import { logSection } from './log-section.ts'
import { namespaces } from './namespaces.ts'
import {
  duration,
  flag,
  fraction,
  generation,
  integer,
  list,
  oneOf,
  option,
  optional,
  optionalSection,
  optionalSectionByKey,
  required,
  section,
  size,
  text,
} from './option.ts'
import { hooksSection, webhooksSection } from './webhooks-section.ts'
import { durableSection, natsSection, redisSection } from './stores-section.ts'
import { JSON_DEPTH_DEFAULT } from '../protocol/json.ts'

const ROLES = ['all', 'edge', 'api'] as const
const API_KEY_ENTRIES = 'entries name:scope+scope:key with the scopes publish, history and admin'
const PORT = { min: 0, max: 65_535 }
/** Counts that are only there to catch a slip of the keyboard. */
const COUNT_MAX = 100_000_000
const RATE_MAX = 10_000_000

export const SCHEMA = z.strictObject({
  host: option(text('a host name or an address'), '0.0.0.0', {
    env: 'SLUICE_HOST',
    doc: 'Where the public listener listens: the one for clients.',
  }),
  port: option(integer(PORT), 8080, {
    env: 'SLUICE_PORT',
    doc: 'The port of the public listener; 0 is any free one.',
  }),
  sharePort: option(flag(), false, {
    env: 'SLUICE_SHARE_PORT',
    doc: 'Whether other processes may listen on the same port, and the system spreads connections over them. `--workers` does so by itself.',
  }),
  allowedOrigins: option(
    list(
      'origins such as https://app.example.com (lower case, without a path or a default port), or * with sluice dev only',
      isOrigin,
    ),
    [],
    {
      env: 'SLUICE_ALLOWED_ORIGINS',
      doc: 'The web sites whose pages may connect. Clients that are no browsers send none, or one of ws: or wss:, and are not concerned; those that name the address of the gateway as https: (websocket-client of Python) need it here.',
    },
  ),
  allowedHosts: option(list('host names and addresses, without a port', isHost), [], {
    env: 'SLUICE_ALLOWED_HOSTS',
    doc: 'The names (`Host`) under which a node of `sluice dev` is asked, beside `localhost`, 127.0.0.0/8, [::1] and those in `host` and `api.host`; where it listens on every interface, any address is one. Others do not look at it.',
  }),
  trustedProxies: option(list('addresses and networks such as 10.0.0.7 or 10.0.0.0/8', isNetwork), [], {
    env: 'SLUICE_TRUSTED_PROXIES',
    doc: 'The proxies and load balancers whose `X-Forwarded-For` is believed.',
  }),
  proxyProtocol: option(flag(), false, {
    env: 'SLUICE_PROXY_PROTOCOL',
    doc: 'Whether all `trustedProxies` begin their connections to the public listener with a PROXY header of version 2, which says who the client is: balancers that pass bytes on cannot say it in the request. A connection carries one HTTP request then.',
  }),
  compressFrom: option(size('0B', '64MiB'), 0, {
    env: 'SLUICE_COMPRESS_FROM',
    doc: 'From this size on messages to WebSockets that offer `permessage-deflate` (RFC 7692) are compressed; 0 compresses nothing. It is done for each connection by itself, so it costs where many get the same message: see operations.md.',
  }),
  tls: optionalSection('TLS on the public listener. Absent: plain, for a proxy in front that ends TLS.', {
    certFile: required(text('the path of a file'), { doc: 'The certificate and its chain, in PEM.' }),
    keyFile: required(text('the path of a file'), { doc: 'The private key, in PEM.' }),
    names: optionalSectionByKey(
      'Further certificates on the same port, by the name that a client asks for (SNI). Who asks for another name, or for none, is shown the one of `tls`.',
      {
        shape: {
          certFile: required(text('the path of a file'), {
            doc: 'The certificate and its chain, in PEM. It is good for this name.',
          }),
          keyFile: required(text('the path of a file'), { doc: 'The private key, in PEM.' }),
        },
        fits: isServerName,
        keyIs: 'a server name',
        keyRule:
          'a server name is a host name in lower case, such as rt.example.com, or *. and the rest of one, such as *.example.com, which stands for one label',
        intro: 'Each name has these keys:',
      },
    ),
  }),
  api: section('The second listener, for backends and operators. Keep it off the public network.', {
    host: option(text('a host name or an address'), '127.0.0.1', {
      env: 'SLUICE_API_HOST',
      doc: 'Where the second listener listens.',
    }),
    port: option(integer(PORT), 8081, {
      env: 'SLUICE_API_PORT',
      doc: 'The port of the second listener; 0 is any free one.',
    }),
    tls: optionalSection(
      'TLS on the second listener, and between nodes: with it a node asks the others, and links to them, with TLS only, so all nodes have it or none.',
      {
        certFile: required(text('the path of a file'), {
          doc: 'The certificate and its chain, in PEM. It names `node.address`, where other nodes ask.',
        }),
        keyFile: required(text('the path of a file'), { doc: 'The private key, in PEM.' }),
        caFile: optional(text('the path of a file'), {
          doc: "Whom the other nodes' certificates come from, in PEM. Absent: whoever the system trusts.",
        }),
      },
    ),
    keys: option(list(API_KEY_ENTRIES, isApiKeyEntry), [], {
      env: 'SLUICE_API_KEYS',
      secret: 'whole',
      doc: 'API keys, each as `name:scope+scope:key`, or as `name:scope@namespace|namespace:key` where it is limited to some namespaces. The scopes are `publish`, `history` and `admin`. At least one is needed, except with `sluice dev`.',
    }),
  }),
  nats: natsSection(),
  durable: durableSection(),
  redis: redisSection(),
  auth: authSection(),
  node: section('This node among the others.', {
    version: optional(text('1 to 64 of A-Z a-z 0-9 _ . + -', isLabel), {
      env: 'SLUICE_VERSION',
      doc: 'What is deployed: clients of an old node are sent to a node of the version that was deployed last. Absent: the version of the package.',
    }),
    generation: optional(generation(), {
      env: 'SLUICE_DEPLOY',
      doc: 'Which deploy this node is of: a whole number that grows, or a time. Clients that are moving go to the greatest. Say it for all nodes or for none. Absent: when `node.version` was first seen in the cluster, so give each deploy a version of its own.',
    }),
    region: option(text('1 to 64 of A-Z a-z 0-9 _ . + -', isLabel), 'local', {
      env: 'SLUICE_REGION',
      doc: 'Where the node is.',
    }),
    role: option(oneOf(ROLES), 'all', {
      env: 'SLUICE_ROLE',
      doc: '`edge`: connections only. `api`: publishing only, so that a busy edge cannot starve publishers. `all`: both.',
    }),
    address: optional(text('a host name or an address, with a port or without'), {
      env: 'SLUICE_NODE_ADDRESS',
      doc: 'Where other nodes reach the second listener of this one. Absent: `api.host`; where that is every interface, the name of the machine.',
    }),
    publicUrl: optional(text('wss://host or wss://host:port, or with ws, without a path', isPublicUrl), {
      env: 'SLUICE_PUBLIC_URL',
      doc: 'Where clients reach the nodes of this region, the same for all of them: `sluice drain --to` sends clients there.',
    }),
    clusterSecret: optional(
      text('a text of at least 16 characters', (secret) => secret.length >= 16),
      {
        env: 'SLUICE_CLUSTER_SECRET',
        secret: 'whole',
        doc: 'The secret that the nodes share. Needed as soon as there is a cluster.',
      },
    ),
  }),
  namespaces,
  limits: section('What one connection, one user and one request may use.', {
    frame: option(size('8KiB', '64MiB'), '65KiB', {
      doc: 'The largest frame that a client may send: a payload with what stands around it, or a token with what is resumed.',
    }),
    payload: option(size('1B', '64MiB'), '64KiB', {
      doc: 'The largest payload of a message, at every door.',
    }),
    presenceData: option(size('1B', '16KiB'), '1KiB', {
      doc: 'The largest data with which a user enters a channel: every node keeps that of everybody in its channels.',
    }),
    jsonDepth: option(integer({ min: 8, max: 1000 }), JSON_DEPTH_DEFAULT, {
      doc: 'How deep arrays and objects may be nested in a payload, and in any other JSON that a peer sends, at every door.',
    }),
    framesPerSecond: option(integer({ min: 0, max: RATE_MAX }), 200, {
      doc: 'Frames that a client may send in a second, pings and pongs included; 0 is no limit.',
    }),
    framesBurst: option(integer({ min: 0, max: RATE_MAX }), 1000, {
      doc: 'Frames that it may send at once after a pause; 0 is as many as in a second.',
    }),
    bytesPerSecond: option(size('0B'), '1MiB', {
      doc: 'Bytes that a client may send in a second; 0 is no limit.',
    }),
    bytesBurst: option(size('0B'), '4MiB', {
      doc: 'Bytes that it may send at once after a pause; 0 is as many as in a second.',
    }),
    subscriptions: option(integer({ min: 1, max: 1_000_000 }), 512, {
      doc: 'Channels of one session; who comes back with more gets the first ones, and is told of the others.',
    }),
    channelsPerStream: option(integer({ min: 1, max: 10_000 }), 100, {
      doc: 'Channels of one SSE stream or poll; of more, the first ones are served.',
    }),
    buffered: option(size('1KiB', '1GiB'), '64KiB', {
      doc: 'Bytes that wait for one client; beyond that it counts as slow.',
    }),
    connectTimeout: option(duration('100ms', '2m'), '5s', {
      doc: 'How soon a WebSocket must send `connect`.',
    }),
    connections: option(integer({ min: 0, max: COUNT_MAX }), 0, {
      doc: 'Connections of this node; 0 is as many as the process can hold.',
    }),
    sessionsPerUser: option(integer({ min: 0, max: COUNT_MAX }), 200, {
      doc: 'Connected sessions of one user, on all nodes together; 0 is no limit.',
    }),
    connectionsPerUser: option(integer({ min: 0, max: COUNT_MAX }), 100, {
      doc: 'Connections of one user on one node, of every transport; 0 is no limit.',
    }),
    subscriptionsPerUser: option(integer({ min: 0, max: COUNT_MAX }), 10_000, {
      doc: 'Channels of all connections of one user on one node; 0 is no limit.',
    }),
    publishesPerUserPerSecond: option(integer({ min: 0, max: RATE_MAX }), 500, {
      doc: 'Messages that one user may publish in a second on one node, over all connections, and twice as many at once after a pause; 0 is no limit.',
    }),
    publishBatch: option(integer({ min: 1, max: 100_000 }), 1000, {
      doc: 'Messages in one publish request.',
    }),
    requestBody: option(size('1KiB', '1GiB'), '4MiB', { doc: 'The largest request on the second listener.' }),
  }),
  admission: section('How fast connections are let in. A herd waits in a queue.', {
    connectionsPerSecond: option(integer({ min: 0, max: RATE_MAX }), 2000, {
      doc: 'Connections that are let in each second; 0 is no limit.',
    }),
    adaptive: option(flag(), true, {
      doc: 'Whether fewer are let in while the event loop, connecting, Redis or NATS are slow: down to a twentieth of `connectionsPerSecond`.',
    }),
    burst: option(integer({ min: 0, max: RATE_MAX }), 4000, {
      doc: 'Connections that are let in beside the rate after a pause; 0 is as many as in a second. Where there is a `queue` they come in groups, at up to twice the rate, or 500 a second where that is more.',
    }),
    queue: option(integer({ min: 0, max: RATE_MAX }), 10_000, {
      doc: 'Connections that may wait; 0 is none, and whoever is over the rate is refused.',
    }),
    queueTimeout: option(duration('0ms', '5m'), '10s', { doc: 'How long one may wait.' }),
    newcomersShare: option(fraction({ min: 0.01, max: 0.9 }), 0.2, {
      doc: 'The part of the admissions and of the queue that newcomers have in any case, where they want it. The rest goes to clients that come back and can show that they were here.',
    }),
    perAddressPerSecond: option(integer({ min: 0, max: RATE_MAX }), 50, {
      doc: 'Newcomers that are let in each second from one address, or one IPv6 network of 64 bits; 0 is no limit. What comes to nothing, such as a token that is refused, counts ten times. Behind a proxy it needs `trustedProxies`, or all clients have the address of the proxy.',
    }),
    perAddressBurst: option(integer({ min: 0, max: RATE_MAX }), 1000, {
      doc: 'Newcomers that are let in at once from one address after a pause; 0 is as many as in a second.',
    }),
    maxLoopLag: option(duration('0ms', '1m'), '250ms', {
      doc: 'Above this lag of the event loop newcomers wait; 0 is no limit.',
    }),
    maxMemory: option(size('0B'), 0, {
      doc: 'Above this resident memory newcomers are refused; 0 is no limit.',
    }),
  }),
  heartbeat: section('How it is noticed that the other side is gone, and when clients come back.', {
    ping: option(duration('1s', '15m'), '25s', {
      doc: 'How often a WebSocket client sends `ping` when it has nothing else to say.',
    }),
    idleTimeout: option(duration('8s', '960s'), '60s', {
      doc: 'A client that gave no sign of life for so long is gone: a WebSocket that was silent, a stream or a poll whose network acknowledges nothing.',
    }),
    sse: option(duration('1s', '15m'), '20s', {
      doc: 'How often an idle SSE stream gets a comment, so that no proxy closes it; at least twice in `idleTimeout`.',
    }),
    retryMin: option(duration('0ms', '10m'), '500ms', {
      doc: 'The shortest time after which a client whose stream ended comes back; each gets its own.',
    }),
    retryMax: option(duration('1ms', '10m'), '3s', { doc: 'The longest such time.' }),
  }),
  sessions: section('What survives a connection.', {
    ttl: option(duration('1s', '7d'), '5m', {
      doc: 'How long a session can be resumed after its connection ended.',
    }),
  }),
  feeds: section('What a node keeps of a channel that somebody listens to.', {
    tailMessages: option(integer({ min: 1, max: 1_000_000 }), 256, {
      doc: 'Recent messages of a channel in memory, for clients that come late or come back: no more than `max` of its namespace, and none that is older than its `ttl`.',
    }),
    tailBytes: option(size('1KiB', '1GiB'), '1MiB', {
      doc: 'The same in bytes; whichever is reached first.',
    }),
    memory: option(size('0B'), 0, {
      doc: 'What all channels of the node may hold together. Over it those give up theirs first that nobody has used for longest, and readers are served from the log. 0 is a sixteenth of the memory that the process may use (of its container, or of the machine), from 32 MiB to 512 MiB.',
    }),
    quiet: option(duration('0ms', '1h'), '10s', {
      doc: 'How long a channel is kept after its last subscriber has left.',
    }),
    headCheck: option(duration('1s', '1h'), '30s', {
      doc: 'How often the end of a channel is compared with the log, in case the last message was lost on the way.',
    }),
  }),
  kubernetes: kubernetesSection(),
  log: logSection(),
  dialects: dialectsSection(),
  webhooks: webhooksSection(),
  hooks: hooksSection(),
  drain: section('How connections are moved away when the node stops.', {
    plan: option(text(PLAN_RULE, isPlan), '5%/2m', { env: 'SLUICE_DRAIN', doc: 'The pace.' }),
    grace: option(duration('100ms', '10m'), '30s', {
      doc: 'How long after its own moment a client has to be connected elsewhere. Who is not by then is closed with 1012.',
    }),
    deadline: optional(duration('1s', '7d'), {
      env: 'SLUICE_DRAIN_DEADLINE',
      doc: 'How long a drain may take, from the signal to the end of the process: it hurries as this nears, and by then whoever is left is closed. Absent: what the plan takes, a quarter more (at least 30 s), `grace`, `deregisterDelay` and `closeSpread`.',
    }),
    closeSpread: option(duration('0ms', '5m'), '5s', {
      doc: 'Clients that are closed because the node has to stop are closed over this time, so that they do not come back together.',
    }),
    linger: option(duration('0ms', '10m'), '2s', {
      doc: 'How long a node that was drained over HTTP still answers how it went before it stops.',
    }),
    deregisterDelay: option(duration('0ms', '10m'), '10s', {
      doc: 'How long the node still accepts connections after it has said that it is not ready, because load balancers lag.',
    }),
  }),
  rebalance: section('How clients are moved to nodes that have fewer.', {
    auto: option(flag(), false, {
      doc: 'Whether a node that has joined has the others of its region give it its share, over 5 minutes, where no deploy is under way.',
    }),
  }),
  resets: section('What happens where messages of a channel were lost.', {
    spread: option(duration('0ms', '1h'), '10s', {
      doc: 'Whoever is on the channel is told a moment within this time (`delay`) at which to fetch the state anew, so that not all ask the backend at once.',
    }),
  }),
  cluster: section('How nodes know of one another.', {
    heartbeat: option(duration('100ms', '1m'), '3s', { doc: 'How often a node says that it lives.' }),
    nodeTtl: option(duration('200ms', '10m'), '10s', {
      doc: 'A node that was not heard of for so long is taken for dead.',
    }),
    canary: option(duration('100ms', '1m'), '2s', {
      doc: 'How often a node sends itself a word through the backbone. After three that it has not heard it counts as deaf.',
    }),
    forwardTimeout: option(duration('100ms', '1m'), '5s', {
      doc: 'How long a backend has to answer what a client publishes with `clientPublish: forward`.',
    }),
  }),
})

export type { NamespacePolicy, Namespaces } from './namespaces.ts'

/** As it is written in a file. */
export type ConfigInput = z.input<typeof SCHEMA>

/** As the rooms get it: complete, checked, in milliseconds and bytes, and deeply frozen. */
export type Config = Frozen<z.output<typeof SCHEMA>> & DevFacts

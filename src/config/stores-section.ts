/**
 * Where a cluster keeps and carries what it has: NATS, its streams, and Redis.
 */
import { isUrl } from './forms.ts'
import {
  duration,
  flag,
  integer,
  list,
  oneOf,
  option,
  optional,
  optionalSection,
  section,
  size,
  text,
} from './option.ts'

export function natsSection() {
  return section('The backbone between nodes.', {
    url: option(list('URLs such as nats://nats.internal:4222 (nats or tls)', isUrl('nats', 'tls')), [], {
      env: 'SLUICE_NATS_URL',
      secret: 'credentials',
      doc: 'The NATS servers. None: the node is alone, and keeps everything in its memory.',
    }),
    credsFile: optional(text('the path of a file'), {
      env: 'SLUICE_NATS_CREDS_FILE',
      doc: 'The user JWT and its seed, as `nsc` makes them, for servers with operators and accounts. Read again at each connect.',
    }),
    nkeyFile: optional(text('the path of a file'), {
      env: 'SLUICE_NATS_NKEY_FILE',
      doc: 'The seed (`SU…`) of a user that the servers know by its public key. Read again at each connect.',
    }),
    tls: optionalSection(
      'TLS to the NATS servers: with it nothing is sent in plain. Read again at each connect.',
      {
        ...clientTls(),
      },
    ),
  })
}

export function durableSection() {
  return section('The stream of channels with `delivery: durable`, one for all of them, in JetStream.', {
    maxAge: option(duration('1m', '3650d'), '7d', { doc: 'How long a message is kept.' }),
    maxBytes: option(size('0B'), 0, {
      doc: 'The largest size of the stream; 0 is no limit but that of the server.',
    }),
    replicas: option(integer({ min: 1, max: 5 }), 1, {
      doc: 'How many NATS servers hold each message. Above 1 it needs `nats-server` 2.10.27 or later.',
    }),
    storage: option(oneOf(['file', 'memory'] as const), 'file', { doc: 'Where the servers keep it.' }),
  })
}

export function redisSection() {
  return section('The registry and the log of channels with `delivery: replay`.', {
    url: option(
      list(
        'URLs such as redis://redis.internal:6379/0 (redis, rediss, sentinel or sentinels)',
        isUrl('redis', 'rediss', 'sentinel', 'sentinels'),
      ),
      [],
      {
        env: 'SLUICE_REDIS_URL',
        secret: 'credentials',
        doc: 'The Redis servers: one; several, or one with `?cluster`, of a Redis Cluster; or the Sentinels that name it, as `sentinel://host:26379/master` (`sentinels` where the server speaks TLS). None: the node is alone, and keeps everything in its memory.',
      },
    ),
    tls: optionalSection(
      'TLS to the Redis servers, as by the schemes `rediss` and `sentinels`: with it nothing is sent to them in plain.',
      { ...clientTls() },
    ),
    sentinel: section(
      'How the Sentinels of a `sentinel://` URL are asked; the URL has what the servers want.',
      {
        user: optional(text('a text'), { doc: 'The user of the Sentinels. Absent: their default one.' }),
        password: optional(text('a text'), {
          env: 'SLUICE_REDIS_SENTINEL_PASSWORD',
          secret: 'whole',
          doc: 'Their password (`requirepass`, or of the user).',
        }),
        tls: option(flag(), false, {
          doc: 'Whether they speak TLS; the certificates are those of `redis.tls`.',
        }),
      },
    ),
  })
}

/** Of a connection that a node opens. */
function clientTls() {
  return {
    caFile: optional(text('the path of a file'), {
      doc: "Whom the servers' certificates must come from, in PEM. Absent: whoever the system trusts.",
    }),
    certFile: optional(text('the path of a file'), {
      doc: 'The certificate that the node shows, with its chain, in PEM. With `keyFile`.',
    }),
    keyFile: optional(text('the path of a file'), { doc: 'Its private key, in PEM.' }),
  }
}

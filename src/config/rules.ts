/**
 * What no option can say alone: combinations that cannot work.
 */
import { QUOTA_RULES } from './quota-rules.ts'
import type { Config } from './schema.ts'
import { WEBHOOK_RULES } from './webhooks-rules.ts'
import { durationText, sizeText } from './units.ts'
import { STREAM_CHANNELS_MAX } from '../protocol/request-head.ts'

/** Says where an option was set: `auth.cookie (sluice.yaml:12)`. */
export type Where = (...path: readonly string[]) => string

export interface Rule {
  /** For the documentation. */
  readonly says: string
  /** One sentence for the operator, or nothing. */
  broken(config: Config, where: Where): string | undefined
}

/** Everything that is wrong, in the order of the rules. */
export function brokenRules(config: Config, where: Where): string[] {
  return RULES.flatMap((rule) => rule.broken(config, where) ?? [])
}

/** What stands around a payload: the rest of a frame or of a request, with the longest names and ids. */
const AROUND_BYTES = 1024

export const RULES: readonly Rule[] = [
  {
    says: 'One of `auth.jwtSecret`, `auth.jwtPublicKey` and `auth.jwksUrl` is set; `sluice dev` makes a secret of its own.',
    broken({ auth }) {
      if (auth.jwtSecret !== undefined || auth.jwtPublicKey !== undefined || auth.jwksUrl !== undefined) {
        return undefined
      }
      return 'there is nothing to check tokens with: set auth.jwtSecret (SLUICE_JWT_SECRET), auth.jwtPublicKey (SLUICE_JWT_PUBLIC_KEY) or auth.jwksUrl (SLUICE_JWKS_URL)'
    },
  },
  {
    says: '`api.keys` has at least one entry; `sluice dev` has a key named `dev` with the value `dev`.',
    broken({ dev, api }) {
      if (dev || api.keys.length > 0) return undefined
      return 'api.keys is empty: set at least one entry name:scope+scope:key (SLUICE_API_KEYS), with the scopes publish, history and admin'
    },
  },
  {
    says: 'Each app of `dialects.pusher.apps` has one namespace of its own, and each key is in one entry; `dialects.pusher.limits` are of these apps.',
    broken({ dialects }, where) {
      const entries = (dialects.pusher?.apps ?? []).map((entry) => entry.split(':'))
      for (const [id, namespace, key] of entries) {
        const same = entries.filter((other) => other[0] === id || other[1] === namespace)
        if (same.some((other) => other[0] !== id || other[1] !== namespace))
          return `${where('dialects', 'pusher', 'apps')}: the app ${id} must have one namespace that no other app has`
        if (entries.filter((other) => other[2] === key).length > 1)
          return `${where('dialects', 'pusher', 'apps')}: a key of the app ${id} is in more than one entry`
      }
      const unknown = Object.keys(dialects.pusher?.limits ?? {}).find((id) =>
        entries.every((entry) => entry[0] !== id),
      )
      if (unknown !== undefined)
        return `${where('dialects', 'pusher', 'limits', unknown)} is of no app in dialects.pusher.apps`
      return undefined
    },
  },
  {
    says: '`*` is among the `allowedOrigins` of `sluice dev` only.',
    broken({ dev, allowedOrigins }, where) {
      if (dev || !allowedOrigins.includes('*')) return undefined
      return `${where('allowedOrigins')} has *, which only sluice dev allows: list the origins, such as https://app.example.com`
    },
  },
  {
    says: '`nats.url` and `redis.url` are both set (a cluster) or both absent (a single node).',
    broken({ nats, redis }, where) {
      const hasNats = nats.url.length > 0
      if (hasNats === redis.url.length > 0) return undefined
      const [set, missing, name] = hasNats
        ? (['nats', 'redis', 'SLUICE_REDIS_URL'] as const)
        : (['redis', 'nats', 'SLUICE_NATS_URL'] as const)
      return `${where(set, 'url')} is set, but ${missing}.url (${name}) is not: a cluster needs both, a single node neither`
    },
  },
  {
    says: 'A cluster has a `node.clusterSecret`.',
    broken({ nats, redis, node }) {
      if ((nats.url.length === 0 && redis.url.length === 0) || node.clusterSecret !== undefined) {
        return undefined
      }
      return 'node.clusterSecret (SLUICE_CLUSTER_SECRET) is missing: nodes of a cluster share a secret of at least 16 characters, for example from: openssl rand -hex 32'
    },
  },
  {
    says: 'A `node.role` other than `all` is for clusters: the other half is elsewhere.',
    broken({ nats, node }, where) {
      if (node.role === 'all' || nats.url.length > 0) return undefined
      return `${where('node', 'role')} is ${node.role}, which is one half of a cluster: set nats.url and redis.url, or the role all`
    },
  },
  {
    says: '`tls` is for the public listener, which a node of the role `api` does not have.',
    broken({ tls, node }, where) {
      if (tls === undefined || node.role !== 'api') return undefined
      return `${where('tls')} is for the public listener, which a node of the role api does not have: remove it, or choose the role all or edge`
    },
  },
  {
    says: '`proxyProtocol` needs `trustedProxies`: from anybody else the header is not believed.',
    broken({ proxyProtocol, trustedProxies }, where) {
      if (!proxyProtocol || trustedProxies.length > 0) return undefined
      return `${where('proxyProtocol')} is true, but trustedProxies (SLUICE_TRUSTED_PROXIES) is empty, and a PROXY header is believed from those only: list the addresses of the balancers`
    },
  },
  {
    says: '`proxyProtocol` and `tls` exclude each other: the header comes before the handshake, where it is not read.',
    broken({ proxyProtocol, tls }, where) {
      if (!proxyProtocol || tls === undefined) return undefined
      return `${where('proxyProtocol')} is true, and ${where('tls')} is set: a PROXY header comes before the TLS handshake, where it is not read; let the balancer end TLS`
    },
  },
  {
    says: '`kubernetes.deletionCost` needs `kubernetes.podName`.',
    broken({ kubernetes: { deletionCost, podName } }, where) {
      if (!deletionCost || podName !== undefined) return undefined
      return `${where('kubernetes', 'deletionCost')} is true, but kubernetes.podName (SLUICE_POD_NAME) is not set: give it the fieldRef metadata.name, as deploy/kubernetes/components/deletion-cost does`
    },
  },
  {
    says: '`delivery: durable` and `clientPublish: forward` need `nats.url`; `sluice dev` keeps durable channels in memory without it.',
    broken({ dev, namespaces, nats }, where) {
      if (nats.url.length > 0) return undefined
      for (const [name, { delivery, clientPublish }] of Object.entries(namespaces)) {
        if (delivery === 'durable' && !dev) {
          return `${where('namespaces', name, 'delivery')} is durable, which needs nats.url (SLUICE_NATS_URL): set it, or use replay or ephemeral`
        }
        if (clientPublish === 'forward') {
          return `${where('namespaces', name, 'clientPublish')} is forward, which needs nats.url (SLUICE_NATS_URL): set it, or use fanout or deny`
        }
      }
      return undefined
    },
  },
  {
    says: '`port` and `api.port` differ, unless they are 0.',
    broken({ port, api }, where) {
      if (port === 0 || port !== api.port) return undefined
      return `${where('port')} and ${where('api', 'port')} are both ${port}: the two listeners need a port each`
    },
  },
  {
    says: '`heartbeat.retryMin` is at most `heartbeat.retryMax`.',
    broken({ heartbeat: { retryMin, retryMax } }, where) {
      if (retryMin <= retryMax) return undefined
      const max = `${where('heartbeat', 'retryMax')}, which is ${durationText(retryMax)}`
      return `${where('heartbeat', 'retryMin')} is ${durationText(retryMin)}, but must be at most ${max}`
    },
  },
  {
    says: '`heartbeat.ping` is less than `heartbeat.idleTimeout`.',
    broken({ heartbeat: { ping, idleTimeout } }, where) {
      if (ping < idleTimeout) return undefined
      const max = `${where('heartbeat', 'idleTimeout')}, which is ${durationText(idleTimeout)}`
      return `${where('heartbeat', 'ping')} is ${durationText(ping)}, but must be less than ${max}`
    },
  },
  {
    says: '`auth.reauthDeadline` is less than `auth.reauthInterval`.',
    broken({ auth: { reauthDeadline, reauthInterval } }, where) {
      if (reauthDeadline < reauthInterval) return undefined
      const max = `${where('auth', 'reauthInterval')}, which is ${durationText(reauthInterval)}`
      return `${where('auth', 'reauthDeadline')} is ${durationText(reauthDeadline)}, but must be less than ${max}`
    },
  },
  {
    says: '`cluster.heartbeat` is at most half of `cluster.nodeTtl`: one lost heartbeat must not kill a node.',
    broken({ cluster: { heartbeat, nodeTtl } }, where) {
      if (heartbeat * 2 <= nodeTtl) return undefined
      const max = `${where('cluster', 'nodeTtl')}, which is ${durationText(nodeTtl)}`
      return `${where('cluster', 'heartbeat')} is ${durationText(heartbeat)}, but must be at most half of ${max}`
    },
  },
  {
    says: '`limits.payload` fits through the doors, with 1 KiB around it: into `limits.frame`, and as base64, which has a third more, into `limits.requestBody`.',
    broken({ limits }, where) {
      const room = {
        frame: limits.frame - AROUND_BYTES,
        requestBody: Math.floor(((limits.requestBody - AROUND_BYTES) * 3) / 4),
      }
      const door = (['frame', 'requestBody'] as const).find((key) => limits.payload > room[key])
      if (door === undefined) return undefined
      const max = `${sizeText(Math.max(room[door], 0))}: more does not fit into ${where('limits', door)}, which is ${sizeText(limits[door])}`
      return `${where('limits', 'payload')} is ${sizeText(limits.payload)}, but must be at most ${max}`
    },
  },
  {
    says: '`limits.channelsPerStream` is at most `limits.subscriptions`: a stream is a session too.',
    broken({ limits: { channelsPerStream, subscriptions } }, where) {
      if (channelsPerStream <= subscriptions) return undefined
      const max = `${where('limits', 'subscriptions')}, which is ${subscriptions}`
      return `${where('limits', 'channelsPerStream')} is ${channelsPerStream}, but must be at most ${max}`
    },
  },
  {
    says: `\`limits.channelsPerStream\` is at most ${STREAM_CHANNELS_MAX}: more names and their cursor do not fit into the URL and the headers of a request (16 KiB), however short they are.`,
    broken({ limits: { channelsPerStream } }, where) {
      if (channelsPerStream <= STREAM_CHANNELS_MAX) return undefined
      return `${where('limits', 'channelsPerStream')} is ${channelsPerStream}, but must be at most ${STREAM_CHANNELS_MAX}: more do not fit into the URL and the headers of a request`
    },
  },
  {
    says: '`limits.subscriptions` is at most `limits.framesBurst`: who comes back asks for all channels at once, and would be closed each time.',
    broken({ limits }, where) {
      const { framesPerSecond, framesBurst, subscriptions } = limits
      const key = framesBurst === 0 ? 'framesPerSecond' : 'framesBurst'
      if (framesPerSecond === 0 || subscriptions <= limits[key]) return undefined
      const max = `${where('limits', key)}, which is ${limits[key]}`
      return `${where('limits', 'subscriptions')} is ${subscriptions}, but must be at most ${max}`
    },
  },
  {
    says: '`durable.maxBytes` is 0 or holds the largest payload.',
    broken({ durable: { maxBytes }, limits: { payload } }, where) {
      if (maxBytes === 0 || payload + AROUND_BYTES <= maxBytes) return undefined
      const max = `${where('durable', 'maxBytes')}, which is ${sizeText(maxBytes)}, less ${sizeText(AROUND_BYTES)}`
      return `${where('limits', 'payload')} is ${sizeText(payload)}, but must be at most ${max}`
    },
  },
  {
    says: '`limits.frame` is at most `limits.bytesBurst`: otherwise a frame of the allowed size would never be accepted, however long its sender waits.',
    broken({ limits }, where) {
      const { frame, bytesPerSecond, bytesBurst } = limits
      const key = bytesBurst === 0 ? 'bytesPerSecond' : 'bytesBurst'
      if (bytesPerSecond === 0 || frame <= limits[key]) return undefined
      const max = `${where('limits', key)}, which is ${sizeText(limits[key])}`
      return `${where('limits', 'frame')} is ${sizeText(frame)}, but must be at most ${max}`
    },
  },
  ...QUOTA_RULES,
  ...WEBHOOK_RULES,
]

/**
 * What no option can say alone: combinations that cannot work. Each rule is one sentence for the operator.
 */
import { durationText, sizeText } from './units.ts'
import type { Config } from './schema.ts'

/** Says where an option was set: `auth.cookie (sluice.yaml:12)`. */
export type Where = (...path: readonly string[]) => string

type Rule = (config: Config, where: Where) => string | undefined

/** Everything that is wrong, in the order of the rules. */
export function brokenRules(config: Config, where: Where): string[] {
  return RULES.flatMap((rule) => rule(config, where) ?? [])
}

const RULES: readonly Rule[] = [
  function tokensCanBeChecked({ auth }) {
    if (auth.jwtSecret !== undefined || auth.jwtPublicKey !== undefined || auth.jwksUrl !== undefined)
      return undefined
    return 'there is nothing to check tokens with: set auth.jwtSecret (SLUICE_JWT_SECRET), auth.jwtPublicKey (SLUICE_JWT_PUBLIC_KEY) or auth.jwksUrl (SLUICE_JWKS_URL)'
  },
  function backendsHaveKeys({ dev, api }) {
    if (dev || api.keys.length > 0) return undefined
    return 'api.keys is empty: set at least one entry name:scope+scope:key (SLUICE_API_KEYS), with the scopes publish and admin'
  },
  function anyOriginIsForDevelopment({ dev, allowedOrigins }, where) {
    if (dev || !allowedOrigins.includes('*')) return undefined
    return `${where('allowedOrigins')} has *, which only sluice dev allows: list the origins, such as https://app.example.com`
  },
  function clusterHasBothParts({ nats, redis }, where) {
    if (nats.url.length > 0 === redis.url.length > 0) return undefined
    const [set, missing, name] =
      nats.url.length > 0
        ? (['nats', 'redis', 'SLUICE_REDIS_URL'] as const)
        : (['redis', 'nats', 'SLUICE_NATS_URL'] as const)
    return `${where(set, 'url')} is set, but ${missing}.url (${name}) is not: a cluster needs both, a single node neither`
  },
  function clusterHasSecret({ nats, redis, node }) {
    if ((nats.url.length === 0 && redis.url.length === 0) || node.clusterSecret !== undefined)
      return undefined
    return 'node.clusterSecret (SLUICE_CLUSTER_SECRET) is missing: nodes of a cluster share a secret of at least 16 characters, for example from: openssl rand -hex 32'
  },
  function halvesNeedEachOther({ nats, node }, where) {
    if (node.role === 'all' || nats.url.length > 0) return undefined
    return `${where('node', 'role')} is ${node.role}, which is one half of a cluster: set nats.url and redis.url, or the role all`
  },
  function tlsNeedsThePublicListener({ tls, node }, where) {
    if (tls === undefined || node.role !== 'api') return undefined
    return `${where('tls')} is for the public listener, which a node of the role api does not have: remove it, or choose the role all or edge`
  },
  function namespacesHaveTheirParts({ namespaces, nats }, where) {
    if (nats.url.length > 0) return undefined
    for (const [name, { delivery, clientPublish }] of Object.entries(namespaces)) {
      if (delivery === 'durable') {
        return `${where('namespaces', name, 'delivery')} is durable, which needs nats.url (SLUICE_NATS_URL): set it, or use replay or ephemeral`
      }
      if (clientPublish === 'forward') {
        return `${where('namespaces', name, 'clientPublish')} is forward, which needs nats.url (SLUICE_NATS_URL): set it, or use fanout or deny`
      }
    }
    return undefined
  },
  function portsDiffer({ port, api }, where) {
    if (port === 0 || port !== api.port) return undefined
    return `${where('port')} and ${where('api', 'port')} are both ${port}: the two listeners need a port each`
  },
  ({ heartbeat: { retryMin, retryMax } }, where) =>
    ordered(
      retryMin <= retryMax,
      where('heartbeat', 'retryMin'),
      retryMin,
      'at most',
      where('heartbeat', 'retryMax'),
      retryMax,
      durationText,
    ),
  ({ heartbeat: { ping, idleTimeout } }, where) =>
    ordered(
      ping < idleTimeout,
      where('heartbeat', 'ping'),
      ping,
      'less than',
      where('heartbeat', 'idleTimeout'),
      idleTimeout,
      durationText,
    ),
  ({ auth: { reauthDeadline, reauthInterval } }, where) =>
    ordered(
      reauthDeadline < reauthInterval,
      where('auth', 'reauthDeadline'),
      reauthDeadline,
      'less than',
      where('auth', 'reauthInterval'),
      reauthInterval,
      durationText,
    ),
  ({ cluster: { heartbeat, nodeTtl } }, where) =>
    // One lost heartbeat must not kill a node.
    ordered(
      heartbeat * 2 <= nodeTtl,
      where('cluster', 'heartbeat'),
      heartbeat,
      'at most half of',
      where('cluster', 'nodeTtl'),
      nodeTtl,
      durationText,
    ),
  ({ limits: { payload, frame } }, where) =>
    ordered(
      payload <= frame,
      where('limits', 'payload'),
      payload,
      'at most',
      where('limits', 'frame'),
      frame,
      sizeText,
    ),
  ({ limits: { payload, requestBody } }, where) =>
    ordered(
      payload <= requestBody,
      where('limits', 'payload'),
      payload,
      'at most',
      where('limits', 'requestBody'),
      requestBody,
      sizeText,
    ),
  function largestFrameFitsTheBurst({ limits: { frame, bytesPerSecond, bytesBurst } }, where) {
    const key = bytesBurst === 0 ? 'bytesPerSecond' : 'bytesBurst'
    const most = bytesBurst === 0 ? bytesPerSecond : bytesBurst
    // Otherwise a frame of the allowed size would never be accepted, however long its sender waits.
    return ordered(
      bytesPerSecond === 0 || frame <= most,
      where('limits', 'frame'),
      frame,
      'at most',
      where('limits', key),
      most,
      sizeText,
    )
  },
]

function ordered(
  fits: boolean,
  smaller: string,
  smallerValue: number,
  relation: string,
  larger: string,
  largerValue: number,
  textOf: (value: number) => string,
): string | undefined {
  if (fits) return undefined
  return `${smaller} is ${textOf(smallerValue)}, but must be ${relation} ${larger}, which is ${textOf(largerValue)}`
}

/**
 * Where clients come in: admission, and the gateway on the public listener. Part of the composition.
 */
import { randomBytes } from 'node:crypto'
import { Admission } from '../admission/admission.ts'
import { Tickets } from '../admission/tickets.ts'
import type { WantedToken } from '../api/dev.ts'
import { mintToken } from '../auth/tokens.ts'
import { redirects } from '../cluster/steering.ts'
import { type DevFacts, type DevRoutes, serveDev, type UsedChannel } from '../console/dev-routes.ts'
import { loadDevFiles } from '../console/load-page.ts'
import { StaticFolder } from '../console/static-folder.ts'
import { DEV_KEY, hasDevKey } from '../config/dev-settings.ts'
import type { Config } from '../config/schema.ts'
import type { Pusher } from '../dialect/pusher/pusher.ts'
import { Gateway, type ExtraRoutes } from '../edge/gateway.ts'
import { Origins } from '../edge/origin.ts'
import { localHostsOf } from './address.ts'
import { usersIn } from '../presence/info.ts'
import type { EdgePorts } from '../edge/ports.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import { edgeMetrics } from './counters.ts'
import { dialectRoutes } from './dialects.ts'
import type { LinkParts } from './links.ts'
import type { Moving } from './moving.ts'
import type { Sight } from './sight.ts'
import { NodePace } from './pace.ts'
import type { Stores } from './stores.ts'
import type { Switchboard } from './switchboard.ts'
import { edgeOptions, ticketTtlMs } from './options.ts'
import type { TalkPorts } from '../dialect/sluice-v1/talk.ts'
import { routesOf } from './routes.ts'

/** Of a token that a node for development hands out and nobody said how long it is good: clients ask for a fresh one. */
const DEV_TOKEN_TTL_S = 600
/** More than a page shows well. */
const USED_CHANNELS_MAX = 50

export interface Admitting {
  /** How many connections the node offers to take. */
  readonly pace: NodePace
  readonly admission: Admission
  readonly tickets: Tickets
}

export function createAdmission({ config, clock, load, metrics }: Base, switchboard: Switchboard): Admitting {
  // A node that is alone knows only its own tickets.
  const secret = config.node.clusterSecret ?? randomBytes(32).toString('hex')
  const tickets = new Tickets(secret, ticketTtlMs(config), clock)
  const admission = new Admission(
    { ...config.admission, ...config.limits },
    { clock, load, metrics, tickets },
  )
  const pace = new NodePace(config.admission, {
    clock,
    load,
    gate: admission.gate,
    deaf: () => switchboard.deaf,
  })
  return { admission, tickets, pace }
}

export interface EdgeParts {
  readonly stores: Stores
  readonly admitting: Admitting
  readonly delivery: Delivery
  readonly cluster: Cluster
  readonly links: LinkParts
  readonly moving: Moving
  readonly sight: Sight
  readonly pusher: Pusher | undefined
}

export function createGateway(base: Base, parts: EdgeParts): Gateway {
  const { admitting, delivery, cluster, links, moving, sight } = parts
  const { clock, wheel, metrics, mistakes, failed, caught, config } = base
  const options = edgeOptions(config)
  const ports: EdgePorts = {
    links: links.ports,
    sessions: delivery.sessions,
    hub: delivery.hub,
    admission: admitting.admission,
    tickets: admitting.tickets,
    clock,
    wheel,
    metrics: edgeMetrics(metrics),
    witness: sight.witness,
    redirects: (turns, served) =>
      redirects(turns, served, {
        self: cluster.info(),
        others: cluster.membership.others,
        target: cluster.orders.orders.target,
        leaving: moving.jobs.runner.leaving,
      }),
    departureOf: (session) => moving.draining.departureOf(session),
    mistake: (kind, fields) => mistakes.warn(kind, fields),
    failed,
    caught,
  }
  const { probes } = delivery.sampling
  const probe: TalkPorts['probe'] = (session, channel) => probes.asked(session, channel)
  const routes = [...routesOf(ports, probe, options), ...dialectRoutes(base, ports, parts)]
  return new Gateway(ports, options, routes, devRoutes(base, delivery))
}

/** The page of a node for development, and tokens for it. */
function devRoutes(base: Base, delivery: Delivery): ExtraRoutes {
  const { config } = base
  if (!config.dev) return () => false
  const mint = config.devTokens
    ? (sub: string) => mintDevToken(base, { sub, subscribe: ['*'], publish: ['*'] })
    : undefined
  const routes: DevRoutes = {
    files: loadDevFiles(),
    mint,
    origins: new Origins(config.allowedOrigins, localHostsOf(config)),
    facts: factsOf(config),
    channels: () => usedChannels(base, delivery),
    folder: config.devStatic === undefined ? undefined : new StaticFolder(config.devStatic),
  }
  return (exchange) => serveDev(routes, exchange)
}

/** Those of this node: one for development is alone as a rule. */
function usedChannels({ policies }: Base, { hub, presence }: Delivery): Promise<readonly UsedChannel[]> {
  const used = [...hub.occupied()].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Promise.all(
    used.slice(0, USED_CHANNELS_MAX).map(async ([channel, connections]) => {
      const keeps = policies(channel).client.presence
      return {
        channel,
        connections,
        users: keeps ? [...usersIn(await presence.members(channel)).keys()] : [],
      }
    }),
  )
}

/** A port that the system chose is known later. */
function factsOf({ api }: Config): DevFacts {
  const host = api.host.includes(':') ? `[${api.host}]` : api.host
  return {
    api: `${api.tls === undefined ? 'http' : 'https'}://${host}:${api.port === 0 ? '<port>' : api.port}`,
    key: hasDevKey(api.keys) ? DEV_KEY : '<your API key>',
  }
}

export function mintDevToken({ config, clock }: Base, wanted: WantedToken): Promise<string> {
  return mintToken({ ttlSeconds: DEV_TOKEN_TTL_S, secret: config.auth.jwtSecret ?? '', ...wanted }, clock)
}

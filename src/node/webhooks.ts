/**
 * What backends are told by themselves, where the configuration names any. Part of the composition.
 */
import type { WebhookTarget } from '../config/webhooks-section.ts'
import { Apps } from '../dialect/pusher/apps.ts'
import { concerns, pusherWords } from '../dialect/pusher/webhooks.ts'
import { SluiceError } from '../errors.ts'
import { isInbox, isInternalChannel } from '../protocol/channel.ts'
import { asBuffer } from '../protocol/json-data.ts'
import type { Delivery as PublishDelivery, Published, PublishRequest } from '../publish/publisher.ts'
import type { Holding, Kind } from '../webhooks/happening.ts'
import { sendHttp } from '../webhooks/http.ts'
import { Lease } from '../webhooks/lease.ts'
import { sendNats } from '../webhooks/nats.ts'
import { isWanted, type Sent, type Wanted } from '../webhooks/target.ts'
import { Webhooks, type WantedTarget } from '../webhooks/webhooks.ts'
import { written, type Written } from '../webhooks/words.ts'
import type { Base } from './base.ts'
import type { Delivery } from './delivery.ts'
import type { Moving } from './moving.ts'
import type { Stores } from './stores.ts'

export interface WebhookParts {
  readonly stores: Stores
  readonly delivery: Delivery
  readonly moving: Moving
}

const BATCH_MAX = 100
const UNDER_WAY_MAX = 4
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000
const WINDOW_MAX = 10_000
/** In the registry. */
const LEASE = 'webhooks'

export function createWebhooks(base: Base, parts: WebhookParts): Webhooks | undefined {
  const { config, id, clock, health, metrics, mistakes, failed } = base
  const { stores, delivery, moving } = parts
  const { hub, presence } = delivery
  const targets = Object.entries(config.webhooks.targets).map(([name, target]) =>
    targetOf(base, stores, { name, target }),
  )
  if (targets.length === 0) return undefined
  const lease = new Lease({ clock, take: (ttlMs) => moving.jobs.book.lease(LEASE, id, ttlMs) })
  const { endsAfter, movesWithin, unacknowledgedAfter, giveUpAfter } = config.webhooks
  const guests = guestsOf(config.dialects.pusher?.apps ?? [])
  const holdingOf = (channel: string): Holding | undefined => {
    if (!isInbox(channel)) return { kind: 'channel', channel }
    const user = channel.slice(1)
    return guests.test(user) ? undefined : { kind: 'user', user }
  }
  const webhooks = new Webhooks(
    targets,
    {
      ...{ graceMs: endsAfter, movingGraceMs: movesWithin, unacknowledgedMs: unacknowledgedAfter },
      lookMs: config.cluster.heartbeat,
      outbox: {
        ...{ batchMax: BATCH_MAX, underWayMax: UNDER_WAY_MAX, giveUpMs: giveUpAfter },
        ...{ retryMinMs: RETRY_MIN_MS, retryMaxMs: RETRY_MAX_MS, windowMax: WINDOW_MAX },
      },
    },
    {
      ...{ store: stores.webhooks, nodeId: id, clock, failed },
      lease: () => lease.until(),
      moving: () => health.state === 'draining' || health.state === 'closing',
      liveNodes: async () => (await stores.registry.nodes()).map((node) => node.id),
      *held() {
        for (const [channel] of hub.all()) {
          const holding = holdingOf(channel)
          if (holding !== undefined) yield holding
        }
        for (const [channel, user] of presence.held())
          if (isInternalChannel(channel)) yield { kind: 'member', channel, user }
      },
      acked: (user, channel) => stores.acks.acked(user, channel),
      counts: {
        sent: (count) => metrics.webhookEvents.taken.add(count),
        dead: (count) => metrics.webhookEvents.dead.add(count),
        lost: (count) => metrics.webhookEvents.lost.add(count),
        refused: () => metrics.webhookRefusals.inc(),
        letters: (count) => metrics.webhooksDead.set(count),
      },
      notesLost: (count) => metrics.webhookEvents.lost.add(count),
      warn: (message, about) => mistakes.warn(message, about),
    },
  )
  metrics.webhooksWaiting.read(() => webhooks.waiting)
  hub.watch((channel, occupied) => {
    const holding = holdingOf(channel)
    if (holding !== undefined) webhooks.holds(holding, occupied)
  })
  return webhooks
}

/** Each connection of Pusher's protocol is a user of its own, whom nobody knows. */
function guestsOf(entries: readonly string[]): RegExp {
  const ids = [...new Apps(entries).all()].map(({ id }) => id)
  return new RegExp(`^pusher-(?:${ids.join('|')})-[\\w-]{16}$`)
}

/** What a publish means for whoever wants to hear of it. */
export function heard(
  webhooks: Webhooks,
  delivery: PublishDelivery,
  { door, target, payload, id, from, meta }: PublishRequest,
  { epoch, offset }: Published,
): void {
  if ('user' in target) {
    if (delivery === 'durable' && epoch !== undefined && offset !== undefined)
      webhooks.sent({ user: target.user, epoch, offset, message: id })
    return
  }
  const { channel } = target
  if (door !== 'client' || !webhooks.wants('client_event', channel)) return
  const { data, binary } = payload
  const text = asBuffer(data).toString(binary ? 'base64' : 'utf8')
  webhooks.note({
    ...{ kind: 'client_event', channel, user: from },
    // As the publisher has found them.
    event: meta?.event as string | undefined,
    session: meta?.exclude as string | undefined,
    data: binary ? JSON.stringify(text) : text,
  })
}

interface Named {
  readonly name: string
  readonly target: WebhookTarget
}

function targetOf({ config, clock }: Base, stores: Stores, { name, target }: Named): WantedTarget {
  const { url, subject = '', secret, app: appId, events, channels } = target
  const { timeout } = config.webhooks
  const wanted: Wanted = { kinds: new Set<Kind>(events as readonly Kind[]), channels }
  const over = (request: Written): Promise<Sent> =>
    url === undefined
      ? sendNats(request, (data, headers) => requestOf(stores, subject, data, timeout, headers))
      : sendHttp(url, request, timeout)
  const app = appId === undefined ? undefined : new Apps(config.dialects.pusher?.apps ?? []).get(appId)
  if (app === undefined)
    return {
      ...{ name, wanted },
      wants: (happening) => isWanted(wanted, happening),
      send: (happenings) => over(written(happenings, secret, clock.now())),
    }
  return {
    name,
    wanted: { ...wanted, channels: [`${app.prefix}*`] },
    wants: (happening) => concerns(app, happening, wanted),
    send: (happenings) => over(pusherWords(app, happenings, clock.now())),
  }
}

/** Of a backend that is told, or asked, over NATS. Fails with `unavailable`. */
export function requestOf(
  { nats }: Stores,
  subject: string,
  data: Uint8Array,
  timeoutMs: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly data: Buffer }> {
  // The configuration does not pass without it.
  if (nats === undefined) return Promise.reject(new SluiceError('unavailable', 'there is no NATS'))
  return nats.request(subject, data, timeoutMs, headers)
}

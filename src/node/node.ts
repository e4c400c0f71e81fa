/**
 * A gateway node: the composition root. What a node is made of, in the order in which it is made; nothing is started before
 * everything is made.
 */
import { systemClock, type Clock } from '../clock.ts'
import type { Membership } from '../cluster/membership.ts'
import { refuse } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { attachApi } from './api.ts'
import { createBase, type Base } from './base.ts'
import type { Node } from './contract.ts'
import { faultsOf } from './preflight.ts'
import { createCluster } from './cluster.ts'
import { createDeletionCost } from './deletion-cost.ts'
import { createDelivery, createTokenCheck } from './delivery.ts'
import { createDoor } from './door.ts'
import { createAdmission, createGateway } from './edge.ts'
import { createOccupancy } from './occupancy.ts'
import { createPusher } from './pusher.ts'
import { startNode, stopNode, type Whole } from './lifecycle.ts'
import { createLinks } from './links.ts'
import { createListeners } from './listeners.ts'
import { createMoving } from './moving.ts'
import { createSight } from './sight.ts'
import { clusterStoresOf, createStores, type MakeStores } from './stores.ts'
import { Switchboard } from './switchboard.ts'
import { createTrust } from './trust.ts'
import { createWebhooks } from './webhooks.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** Fails with `ConfigError` where the configuration cannot be used. */
export async function createNode(config: Config, time: Clock = systemClock): Promise<Node> {
  refuse(await faultsOf(config))
  const base = await createBase(config, time)
  const { id, log, caught } = base
  let closing: Promise<void> | undefined
  let ended: () => void = () => undefined
  const end = new Promise<void>((resolve) => (ended = resolve))
  const close = (): Promise<void> => {
    closing ??= stopNode(base, whole).finally(ended)
    return closing
  }
  const ofCluster = await clusterStoresOf(base)
  const whole = assemble(base, ofCluster, () => void close())
  const { listeners, stores, cluster } = whole
  const { draining } = whole.moving
  return {
    id,
    log,
    caught,
    get url() {
      return listeners.url
    },
    get apiUrl() {
      return listeners.apiUrl
    },
    start: () => startNode(base, whole),
    end,
    async drain() {
      const outcome = draining.beginBySignal({ alone: stores.nats === undefined })
      // Where there is nowhere to go, each client comes back when a node is there again, and at its own moment. Who could
      // tell may be away, so nothing waits for the answer.
      if ((await othersOf(cluster.membership)).length === 0) draining.leaveWithOthers()
      if ((await outcome) === 'gone') await close()
    },
    renewCertificates: () => listeners.certificates.renew(),
    hurry: () => draining.hurry(),
    leaveWithOthers: () => draining.leaveWithOthers(),
    close,
  }
}

/** Each part is made of those above it. `over`: the node ends, since a drain is done. */
function assemble(base: Base, ofCluster: MakeStores | undefined, over: () => void): Whole {
  const { config, clock } = base
  const listeners = createListeners(base)
  const trust = createTrust(base)
  const switchboard = new Switchboard(base)
  const admitting = createAdmission(base, switchboard)
  const { admission, tickets, pace } = admitting
  const stores = createStores(base, { listener: listeners.api, trust, switchboard, pace }, ofCluster)
  const tokens = createTokenCheck(base)
  const cluster = createCluster(base, {
    ...{ stores, trust, switchboard, pace },
    gate: admission.gate,
    apiPort: () => listeners.api.port,
    keysFresh: () => tokens.healthy(),
  })
  const sight = createSight(base, { stores, switchboard })
  const delivery = createDelivery(base, {
    ...{ stores, cluster, switchboard, tokens, tickets, pace },
    witness: sight.witness,
    listener: listeners.public,
  })
  // Whoever watches still reads how it went.
  const emptied = (): void => void clock.after(config.drain.linger, over)
  const moving = createMoving(base, { stores, cluster, delivery, gate: admission.gate, emptied })
  const door = createDoor(base, { stores, cluster, delivery })
  const links = createLinks(base, { stores, cluster })
  const pusher = createPusher(base, { stores, delivery, switchboard })
  const occupancy = createOccupancy(base, { stores, cluster, delivery, pusher })
  const webhooks = createWebhooks(base, { stores, delivery, moving })
  const rooms = { stores, cluster, delivery, links, moving, door, sight, pusher, occupancy, webhooks }
  createGateway(base, { ...rooms, admitting }).attach(listeners.public)
  const api = attachApi(base, { ...rooms, trust, emptied }, listeners.api)
  switchboard.connect(rooms)
  const cost = createDeletionCost(base, () => delivery.sessions.count)
  return { ...rooms, listeners, admission, pace, api, cost }
}

/** Who could take clients: as the table says now, or as it said last. */
async function othersOf(membership: Membership): Promise<readonly NodeInfo[]> {
  const others = await membership.refresh().catch(() => membership.others)
  return others.filter(({ state, role }) => state === 'active' && role !== 'api')
}

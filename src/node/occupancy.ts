/**
 * Which channels are occupied, in the whole cluster. Part of the composition.
 */
import { send } from '../cluster/control.ts'
import { Occupancy } from '../occupancy/occupancy.ts'
import type { Pusher } from '../dialect/pusher/pusher.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import type { Stores } from './stores.ts'

export function createOccupancy(
  { id, clock, health }: Base,
  {
    stores,
    cluster,
    delivery,
    pusher,
  }: {
    readonly stores: Stores
    readonly cluster: Cluster
    readonly delivery: Delivery
    readonly pusher: Pusher | undefined
  },
): Occupancy {
  const { hub } = delivery
  return new Occupancy({
    nodeId: id,
    clock,
    local: () => hub.occupied(),
    localOf(name) {
      const ofApp = pusher?.apps.connectionsOf(name)
      if (ofApp === undefined) return hub.begunCount(name)
      // Who is sent elsewhere has had his place, and finds it there.
      return health.state === 'active' ? ofApp : 0
    },
    others: () => cluster.membership.others.map((node) => node.id),
    ask: (number, question) =>
      void send(stores.backbone, undefined, { kind: 'occupancyAsk', number, question }),
    answer: (node, number, part) =>
      void send(stores.backbone, node, { kind: 'occupancyAnswer', number, part }),
  })
}

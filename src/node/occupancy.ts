/**
 * Which channels are occupied, in the whole cluster. Part of the composition.
 */
import { send } from '../cluster/control.ts'
import { Occupancy } from '../occupancy/occupancy.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import type { Stores } from './stores.ts'

export function createOccupancy(
  { id, clock }: Base,
  {
    stores,
    cluster,
    delivery,
  }: { readonly stores: Stores; readonly cluster: Cluster; readonly delivery: Delivery },
): Occupancy {
  const { hub } = delivery
  return new Occupancy({
    nodeId: id,
    clock,
    local: () => hub.occupied(),
    localOf: (channel) => hub.begunCount(channel),
    others: () => cluster.membership.others.map((node) => node.id),
    ask: (number, question) =>
      void send(stores.backbone, undefined, { kind: 'occupancyAsk', number, question }),
    answer: (node, number, part) =>
      void send(stores.backbone, node, { kind: 'occupancyAnswer', number, part }),
  })
}

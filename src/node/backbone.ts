/**
 * How a node of a cluster reaches the others: NATS, and links of its own where that is away. Part of the composition.
 */
import { Links } from '../backbone/links.ts'
import { MeshBackbone } from '../backbone/mesh.ts'
import { NatsBackbone, type Republished } from '../backbone/nats.ts'
import { SealedPackets } from '../backbone/sealed.ts'
import { acceptPeers, dialPeer } from '../cluster/mesh-door.ts'
import type { MeshDirection, MeshRefusal } from '../cluster/mesh-faults.ts'
import type { NatsLink } from '../drivers/nats.ts'
import type { Listener } from '../drivers/uws.ts'
import { nodesTls } from './address.ts'
import type { Base } from './base.ts'
import type { Switchboard } from './switchboard.ts'
import type { Trust } from './trust.ts'

export interface BackboneParts {
  readonly nats: NatsLink
  /** What JetStream hands on by itself; absent where nothing is durable. */
  readonly republished: Republished | undefined
  /** Where other nodes link to. */
  readonly listener: Listener
  readonly trust: Trust
  readonly switchboard: Switchboard
}

export function createBackbone(base: Base, parts: BackboneParts): MeshBackbone {
  const { id, clock, caught } = base
  const { switchboard } = parts
  const backbone: MeshBackbone = new MeshBackbone({
    clock,
    nodeId: id,
    links: openLinks(base, parts, (fromNode, bytes) => backbone.received(fromNode, bytes)),
    sink: switchboard,
    backbone: (sink) => {
      const { metrics, mistakes, config } = base
      // The configuration does not pass without it.
      const secret = config.node.clusterSecret as string
      return new NatsBackbone(id, parts.nats, sink, {
        ...(parts.republished === undefined ? {} : { republished: parts.republished }),
        packets: new SealedPackets(secret, id, clock),
        several: {
          readBy: (node) => switchboard.readsSeveral(node),
          failed: (error) => caught('backbone', error),
        },
        refused(why, subject, from) {
          metrics.packetRefusals[why].inc()
          switchboard.packetRefused(why, subject, from)
        },
        oversize: (subject, bytes, maxBytes) =>
          mistakes.warn('NATS does not take so large a message (max_payload)', { subject, bytes, maxBytes }),
      })
    },
  })
  return backbone
}

function openLinks(
  { config, id, clock, metrics, outages, caught }: Base,
  { listener, trust, switchboard }: BackboneParts,
  received: (fromNode: string, bytes: Buffer) => void,
): Links {
  const door = {
    nodeId: id,
    ...{ tokens: trust.tokens, requests: trust.requests },
    tls: nodesTls(config),
    payloadBytesMax: config.limits.payload,
    clock,
    caught,
    refused: (direction: MeshDirection, node: string, why: MeshRefusal) =>
      switchboard.linkRefused(direction, node, why),
  }
  const links = new Links({
    clock,
    peers: () => switchboard.peers(),
    dial: (peer, events) => dialPeer(door, peer, events),
    received,
    changed: (count) => metrics.meshLinks.set(count),
    failed: (what, error) => outages.failed(what, error),
  })
  acceptPeers(listener, door, links)
  return links
}

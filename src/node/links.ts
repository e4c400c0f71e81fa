/**
 * What clients over HTTP send, passed on to the node that holds their link. Part of the composition.
 */
import { randomBytes } from 'node:crypto'
import { send } from '../cluster/control.ts'
import { LINK_GONE, LinkRelay, type LinkRequest, type LinkAnswer } from '../cluster/link-relay.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Stores } from './stores.ts'
import { Seal } from '../seal.ts'
import type { LinkPorts } from '../transport/ports.ts'

export interface LinkParts {
  readonly relay: LinkRelay
  readonly ports: LinkPorts
}

export function createLinks(
  { id, config, clock, failed }: Base,
  { stores, cluster }: { readonly stores: Stores; readonly cluster: Cluster },
): LinkParts {
  let holder: { serve(request: LinkRequest): Promise<LinkAnswer> } | undefined
  const relay = new LinkRelay({
    clock,
    // Degraded: not every way is open, but this one may be.
    tell: (node, word) => void send(stores.backbone, node, word),
    isThere: (node) => cluster.membership.others.some((other) => other.id === node),
    serve: (request) => holder?.serve(request) ?? Promise.resolve(LINK_GONE),
    failed,
  })
  // A node that is alone knows only its own links.
  const secret = config.node.clusterSecret ?? randomBytes(32).toString('hex')
  return {
    relay,
    ports: {
      nodeId: id,
      seal: new Seal(secret, 'link'),
      relay: (node, request, timeoutMs) => relay.ask(node, request, timeoutMs),
      holds: (links) => (holder = links),
    },
  }
}

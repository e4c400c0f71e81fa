/**
 * What a node shows others to prove that it is one of the cluster. Part of the composition.
 */
import { NodeRequests } from '../cluster/node-request.ts'
import { NodeTokens } from '../cluster/node-token.ts'
import type { Base } from './base.ts'
import { Seal } from '../seal.ts'

export interface Trust {
  /** For links. */
  readonly tokens: NodeTokens
  /** For requests over HTTP. */
  readonly requests: NodeRequests
  /** For the entry in the table of nodes. */
  readonly proofs: Seal
}

/** Nothing where the node has no secret: it is alone. */
export function createTrust({ config, id }: Base): Trust | undefined {
  const secret = config.node.clusterSecret
  if (secret === undefined) return undefined
  const tokens = new NodeTokens(secret, id)
  return { tokens, requests: new NodeRequests(secret, id, tokens), proofs: new Seal(secret, 'node proof') }
}

/**
 * A node by its id, or by the beginning of it, as operators name it.
 */
import { SluiceError } from '../errors.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** Fails with `not_found`, and with `bad_request` where several are meant. */
export function nodeNamed(wanted: string, nodes: readonly NodeInfo[]): NodeInfo {
  const found = nodes.filter(({ id }) => id.startsWith(wanted))
  const [node] = found
  if (node === undefined)
    throw new SluiceError('not_found', `there is no node ${wanted}; GET /v1/nodes lists them`)
  if (found.length > 1) {
    throw new SluiceError('bad_request', `${found.length} nodes have an id that begins with ${wanted}`)
  }
  return node
}

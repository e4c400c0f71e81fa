/**
 * What is asked of one node, at any node: the one that is asked passes it on.
 */
import { nodeNamed } from './node-named.ts'
import type { OtherNodes } from './other-nodes.ts'
import type { ApiAnswer, ApiRequest } from './route.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface AtNodePorts {
  readonly nodeId: string
  /** Fails with `unavailable`. */
  readonly nodes: () => Promise<readonly NodeInfo[]>
  readonly otherNodes: Pick<OtherNodes, 'ask'>
}

/** `path` has `{node}` in it. `here`: what is done where this node is meant. */
export async function atNode(
  { nodeId, nodes, otherNodes }: AtNodePorts,
  { method, path }: { readonly method: string; readonly path: string },
  request: ApiRequest,
  here: (request: ApiRequest) => Promise<ApiAnswer>,
): Promise<ApiAnswer> {
  const wanted = request.params['node'] as string
  if (wanted === nodeId) return here(request)
  const node = nodeNamed(wanted, await nodes())
  if (node.id === nodeId) return here(request)
  const body = method === 'POST' || method === 'PUT' ? await request.body() : ''
  const answer = await otherNodes.ask(node, {
    method,
    path: path.replace('{node}', node.id),
    caller: request.caller,
    body,
  })
  const { error } = answer.json as { readonly error?: { readonly code: string; readonly message: string } }
  // Whose words these are: its keys may be others than those of the node that was asked.
  return error === undefined
    ? answer
    : { ...answer, json: { error: { ...error, message: `node ${node.id}: ${error.message}` } } }
}

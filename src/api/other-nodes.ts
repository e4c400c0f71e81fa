/**
 * Asks another node's second listener for whoever asks here. His key stays here: the request is sealed by this node.
 */
import type { Caller } from './caller.ts'
import type { Clock } from '../clock.ts'
import { ANSWER_HEADER, CALLER_HEADER, type NodeRequests } from '../cluster/node-request.ts'
import { askHttp, type HttpAnswer } from '../drivers/http-client.ts'
import { SluiceError } from '../errors.ts'
import { parseJson } from '../protocol/json.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface NodeRequest {
  readonly method: string
  readonly path: string
  readonly caller: Caller
  /** Empty: none. */
  readonly body?: string
}

export interface NodeAnswer {
  readonly status: number
  readonly json: unknown
}

export interface OtherNodesPorts {
  readonly clock: Pick<Clock, 'now'>
  /** `undefined`: the node is alone, and there is nobody to ask. */
  readonly requests: NodeRequests | undefined
  /** The second listeners of all nodes speak TLS, and their certificates are of this CA, or of one that the system trusts. */
  readonly tls: { readonly ca: string | undefined } | undefined
}

const TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 1_048_576

/** Names the node that is meant, so that another one at its address does not take the request for its own, or pass it on for ever. */
export const MEANT_FOR = 'x-sluice-node'

export class OtherNodes {
  readonly #ports: OtherNodesPorts

  constructor(ports: OtherNodesPorts) {
    this.#ports = ports
  }

  /** Its answer, whatever the status. Fails with `unavailable` where it does not answer, or something else does. */
  async ask(node: NodeInfo, request: NodeRequest): Promise<NodeAnswer> {
    const { requests, clock, tls } = this.#ports
    if (requests === undefined) throw new SluiceError('unavailable', `there is no way to node ${node.id}`)
    const { method, path, body = '', caller } = request
    const { requestId, remoteAddress } = caller.trace
    const { authorization, caller: sealedCaller } = requests.issue(
      node.id,
      clock.now(),
      { method, path, body },
      { grant: plainGrant(caller), requestId, remoteAddress },
    )
    const answer = await asked(node, () =>
      askHttp({
        url: `${tls === undefined ? 'http' : 'https'}://${node.address}${path}`,
        method,
        headers: {
          authorization,
          [CALLER_HEADER]: sealedCaller,
          'content-type': 'application/json',
          'x-request-id': requestId,
          [MEANT_FOR]: node.id,
        },
        ...(body === '' ? {} : { body }),
        ca: tls?.ca,
        timeoutMs: TIMEOUT_MS,
        answerBytesMax: ANSWER_BYTES_MAX,
      }),
    )
    const { status, text, headers } = answer
    const by = requests.answeredBy(headers[ANSWER_HEADER], authorization, status, text)
    // Another node of the cluster at that address says so itself, and does nothing.
    if (by === node.id || (by !== undefined && status === 404)) return { status, json: parseJson(text) }
    throw new SluiceError(
      'unavailable',
      `what answers at ${node.address} is not node ${node.id}, or has another node.clusterSecret: its answer is not sealed`,
    )
  }
}

function plainGrant({ grant: { name, scopes, namespaces } }: Caller): Caller['grant'] {
  return { name, scopes, namespaces }
}

async function asked({ id, address }: NodeInfo, ask: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await ask()
  } catch (error) {
    throw new SluiceError(
      'unavailable',
      `node ${id} does not answer at ${address}: other nodes reach it at api.host and api.port, or at node.address`,
      { cause: error },
    )
  }
}

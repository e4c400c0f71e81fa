/**
 * Asks another node's second listener in the name of whoever asks here.
 */
import { SluiceError } from '../errors.ts'
import { parseJson } from '../protocol/json.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface NodeRequest {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  /** Empty: none. */
  readonly body?: string
}

const TIMEOUT_MS = 5000

/** Names the node that is meant, so that another one at its address does not take the request for its own, or pass it on for ever. */
export const MEANT_FOR = 'x-sluice-node'

/** Its answer, whatever the status. Fails with `unavailable` where it does not answer. */
export async function askNode(
  { id, address }: NodeInfo,
  { method, path, key, body = '' }: NodeRequest,
): Promise<{ readonly status: number; readonly json: unknown }> {
  try {
    const response = await fetch(`http://${address}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key ?? ''}`,
        'content-type': 'application/json',
        [MEANT_FOR]: id,
      },
      ...(body === '' ? {} : { body }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: response.status, json: parseJson(await response.text()) }
  } catch (error) {
    throw new SluiceError(
      'unavailable',
      `node ${id} does not answer at ${address}: other nodes reach it at api.host and api.port, or at node.address`,
      { cause: error },
    )
  }
}

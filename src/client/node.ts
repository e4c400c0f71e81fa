/**
 * `@sluice/client/node`: the client with the WebSocket of the package `ws`, for Node 20, which has none of its own: install it beside.
 */
import { WebSocket } from 'ws'
import { SluiceClient, type FullClientOptions } from './full.ts'

/** As `new SluiceClient(options)`. Does nothing yet: call `connect`. */
export function createClient(options: FullClientOptions): SluiceClient {
  return new SluiceClient({ WebSocket, ...options })
}

/**
 * `@sluice/client/node`: the client with the WebSocket of the package `ws`, for Node 20, which has none of its own: install it beside.
 */
import { WebSocket } from 'ws'
import { SluiceClient, type FullClientOptions } from './full.ts'

/** As `new SluiceClient<Known>(options)`. Does nothing yet: call `connect`. */
export function createClient<Known = unknown>(options: FullClientOptions): SluiceClient<Known> {
  return new SluiceClient<Known>({ WebSocket, ...options })
}

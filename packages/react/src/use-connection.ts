import type { ClientError, State, Transport, WebSocketClient } from '@sluice/client'
import { useMemo, useSyncExternalStore } from 'react'
import { useGiven } from './client.ts'

export interface Connection {
  /** `connected` and `moving`: messages flow. `failed`: refused for good, until `connect` is called. */
  readonly state: State
  /** Why it is not connected, in the words of the gateway where it gave any; `undefined` once it is. */
  readonly error: ClientError | undefined
  readonly transport: Transport
  /** Of the token; `undefined` before the first connection. */
  readonly user: string | undefined
}

export interface ConnectionControl extends Connection {
  /** Tries now: after `failed`, for instance, once somebody has logged in again. As of the client. */
  readonly connect: () => Promise<void>
}

const BEFORE: Connection = { state: 'idle', error: undefined, transport: 'websocket', user: undefined }

/** How the client is connected. */
export function useConnection(
  options: { readonly client?: WebSocketClient | undefined } = {},
): ConnectionControl {
  const client = useGiven(options.client)
  const source = useMemo(() => sourceOf(client), [client])
  const connection = useSyncExternalStore(source.subscribe, source.view, () => BEFORE)
  return useMemo(() => ({ ...connection, connect: () => client.connect() }), [connection, client])
}

function sourceOf(client: WebSocketClient): {
  readonly subscribe: (listener: () => void) => () => void
  readonly view: () => Connection
} {
  let last = BEFORE
  return {
    subscribe: (listener) => {
      const stops = [client.on('state', listener), client.on('welcome', listener)]
      return () => stops.forEach((stop) => stop())
    },
    // Of the client itself: what happened before anybody was mounted is known too.
    view: () => {
      const { state, error, transport, user } = client
      const same =
        state === last.state && error === last.error && transport === last.transport && user === last.user
      if (!same) last = { state, error, transport, user }
      return last
    },
  }
}

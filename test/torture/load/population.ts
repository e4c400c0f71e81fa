/** Who is there in a run, and on which channels. */
import { mintToken } from '../../../src/auth/tokens.ts'
import { DURABLE, PRESENCE, REPLAY, TRANSPORTS, type Transport } from '../history.ts'
import { SECRET } from '../layout.ts'
import type { ClientOptions, LoadClient } from './client.ts'
import { pollClient, streamClient } from './http-clients.ts'
import { sdkClient, type SdkLoadClient } from './sdk-client.ts'
import { socketClient } from './socket-client.ts'

const ROOMS = 6
const KEPT = 3
const HALLS = 2
const ROOMS_EACH = 3

/** The SDK twice: it is what most clients are. */
const TURNS: readonly Transport[] = ['sdk', 'sse', 'poll', 'sdk', 'websocket']

export const CHANNELS: readonly string[] = [
  ...names(REPLAY, ROOMS),
  ...names(DURABLE, KEPT),
  ...names(PRESENCE, HALLS),
]

function names(namespace: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${namespace}:${index}`)
}

/** Two clients of a user share his inbox. */
export function userOf(index: number): string {
  return `u${Math.floor(index / 2)}`
}

/** An hour old: for gateways whose clock is behind it shall not be of the future. */
export function tokenOf(user: string, channels: readonly string[]): Promise<string> {
  const token = { secret: SECRET, sub: user, subscribe: channels, publish: channels }
  return mintToken(token, { now: () => Date.now() - 3_600_000 })
}

function channelsOf(index: number): string[] {
  const rooms = Array.from({ length: ROOMS_EACH }, (_, i) => `${REPLAY}:${(index + i * 2) % ROOMS}`)
  return [...new Set(rooms), `${DURABLE}:${index % KEPT}`, `${PRESENCE}:${index % HALLS}`]
}

export async function join(
  index: number,
  rest: Pick<ClientOptions, 'port' | 'history' | 'heard'>,
): Promise<LoadClient | SdkLoadClient> {
  const transport = TURNS[index % TURNS.length] as Transport
  const user = userOf(index)
  const token = await tokenOf(user, ['*'])
  const options: ClientOptions = {
    name: `${transport}${index}`,
    user,
    token,
    transport,
    channels: channelsOf(index),
    ...rest,
  }
  return CLIENTS[transport](options)
}

const CLIENTS: Record<(typeof TRANSPORTS)[number], (options: ClientOptions) => LoadClient> = {
  sdk: sdkClient,
  websocket: socketClient,
  sse: streamClient,
  poll: pollClient,
}

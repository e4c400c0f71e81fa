/**
 * What the public listener has: which dialect is spoken at which path, and what carries it. Part of the composition.
 */
import { SluiceV1 } from '../dialect/sluice-v1/sluice-v1.ts'
import type { TalkPorts } from '../dialect/sluice-v1/talk.ts'
import type { Route } from '../edge/route.ts'
import { Links } from '../transport/links.ts'
import { PollTransport } from '../transport/poll-requests.ts'
import type { TransportOptions, TransportPorts } from '../transport/ports.ts'
import { SseTransport } from '../transport/sse-requests.ts'
import { WebSocketConnection } from '../transport/websocket.ts'

export function routesOf(
  { sessions, metrics, failed }: Pick<TransportPorts, 'sessions' | 'metrics' | 'failed'>,
  probe: TalkPorts['probe'],
  options: TransportOptions,
): readonly Route[] {
  const sluiceV1 = new SluiceV1({ reception: sessions, metrics, failed, probe }, options)
  return [
    { path: '/v1/ws', transport: WebSocketConnection, dialect: sluiceV1 },
    { path: '/v1/sse', transport: SseTransport, dialect: sluiceV1 },
    { path: '/v1/poll', transport: PollTransport, dialect: sluiceV1 },
    { path: '/v1/link', transport: Links, dialect: sluiceV1, socketPath: '/v1/ws' },
  ]
}

import { SluiceV1 } from '../../src/dialect/sluice-v1/sluice-v1.ts'
import type { TransportOptions, TransportPorts } from '../../src/transport/ports.ts'
import type { Newcomers } from '../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../src/transport/websocket.ts'

export function sluiceV1(ports: TransportPorts, options: TransportOptions): SluiceV1 {
  const { sessions, metrics } = ports
  const failed: TransportPorts['failed'] = (what, error) => ports.failed(what, error)
  return new SluiceV1({ reception: sessions, metrics, failed, probe: () => Promise.resolve(1000) }, options)
}

/** As a handshake without a token and without an address makes it. */
export function sluiceSocket(
  ports: TransportPorts,
  options: TransportOptions,
  newcomers: Newcomers,
): WebSocketConnection {
  const dialect = sluiceV1(ports, options)
  const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
  const context = { ports, options, newcomers, dialect, path: '/v1/ws' }
  return new WebSocketConnection({ conversation: dialect.converse(hello), address: '' }, context)
}

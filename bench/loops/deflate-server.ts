/** A server whose WebSockets may be compressed: raw uWebSockets.js, or a node. */
import { startGateway } from '../lib/gateway-node.ts'
import { serve } from '../lib/measured-server.ts'
import type { Ports } from '../peers/terms.ts'
import { loadUws } from '../../src/drivers/uws-binary.ts'

export type DeflateServer = 'raw-uws' | 'sluice'

export interface DeflateStart {
  readonly server: DeflateServer
  readonly compress: boolean
}

const COMPRESS_FROM_BYTES = 1024
const TOPIC = 'room'

serve(({ server, compress }: DeflateStart) =>
  server === 'raw-uws'
    ? startRaw(compress)
    : startGateway({ compressFrom: compress ? COMPRESS_FROM_BYTES : 0 }),
)

async function startRaw(compress: boolean): Promise<Ports> {
  const { uWS } = loadUws()
  const app = uWS.App().ws('/*', {
    compression: compress ? uWS.SHARED_COMPRESSOR : uWS.DISABLED,
    maxPayloadLength: 65_536,
    sendPingsAutomatically: true,
    open: (socket) => void socket.subscribe(TOPIC),
    message: (_socket, message) => void app.publish(TOPIC, new Uint8Array(message), false, compress),
  })
  let port = 0
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket !== false) port = uWS.us_socket_local_port(socket)
  })
  return { port, apiPort: port }
}

/** Socket.IO with its WebSocket transport only: a room for the broadcast, and one for each user. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { ROOM } from './terms.ts'
import { serve } from '../lib/measured-server.ts'

interface PublishRequest {
  readonly user?: string
  readonly data: unknown
}

const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false })

server.on('request', (request, response) => {
  if (request.method !== 'POST') return
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const { user, data } = JSON.parse(Buffer.concat(parts).toString()) as PublishRequest
    io.to(user ?? ROOM).emit('m', data)
    response.setHeader('content-type', 'application/json')
    response.end('{"ok":true}')
  })
})

io.on('connection', (socket) => {
  const { user } = socket.handshake.auth
  if (typeof user === 'string') void socket.join(user)
  socket.on('subscribe', (done: () => void) => {
    void socket.join(ROOM)
    done()
  })
  socket.on('publish', (data: unknown) => {
    io.to(ROOM).emit('m', data)
  })
})

serve(
  () =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo
        resolve({ port, apiPort: port })
      })
    }),
)

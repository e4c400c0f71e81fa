/** A node of Socket.IO as its documentation sets one up for a cluster: Redis Streams adapter, connection state recovery. */
import { createAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const port = Number(process.env['PORT'])
let ready = true

const http = createServer((request, response) => {
  if (request.url === '/readyz') {
    response.writeHead(ready ? 200 : 503).end()
    return
  }
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    const { room, number } = JSON.parse(body) as { readonly room: string; readonly number: number }
    io.to(room).emit('message', number)
    response.end()
  })
})

const io = new Server(http, {
  adapter: createAdapter(new Redis(process.env['REDIS_URL'] as string), { maxLen: 100_000 }),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
  transports: ['websocket'],
})
io.on('connection', (socket) => {
  // A recovered socket is in its rooms already.
  if (!socket.recovered) void socket.join((socket.handshake.auth as { readonly room: string }).room)
  socket.emit('joined', socket.recovered)
})
http.listen(port, '127.0.0.1', () => console.log('the node is ready'))

process.once('SIGTERM', () => {
  ready = false
  // Closes every client, the adapter and the HTTP server.
  void io.close().then(() => process.exit(0))
})

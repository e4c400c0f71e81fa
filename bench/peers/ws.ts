/** The `ws` package on `node:http`: a loop over the sockets of the room. Streams are a loop over `node:http` responses. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { serve } from '../lib/measured-server.ts'

const PUBLISH = 'p'.charCodeAt(0)

interface Control {
  readonly type: 'connect' | 'subscribe'
  readonly user?: string
}

interface PublishRequest {
  readonly user?: string
  readonly data: unknown
}

const users = new Map<string, WebSocket>()
const room = new Set<WebSocket>()
const streams = new Set<ServerResponse>()
const text = { binary: false }
let events = 0

const server = createServer((request, response) => {
  if (request.method === 'POST') receive(request, response)
  else {
    response.on('close', () => streams.delete(response))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(':\n\n')
    streams.add(response)
  }
})

function receive(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const { user, data } = JSON.parse(Buffer.concat(parts).toString()) as PublishRequest
    const message = JSON.stringify(data)
    if (user !== undefined) users.get(user)?.send(message)
    else {
      toRoom(Buffer.from(message))
      const event = Buffer.from(`event: message\ndata: ${message}\nid: ${++events}\n\n`)
      for (const stream of streams) stream.write(event)
    }
    response.setHeader('content-type', 'application/json')
    response.end('{"ok":true}')
  })
}

function toRoom(message: Buffer): void {
  for (const socket of room) socket.send(message, text)
}

const webSockets = new WebSocketServer({ server, perMessageDeflate: false })
webSockets.on('connection', (socket) => {
  let name = ''
  socket.on('message', (message: Buffer) => {
    if (message[0] === PUBLISH) {
      toRoom(message.subarray(1))
      return
    }
    const control = JSON.parse(message.toString()) as Control
    if (control.type === 'connect') {
      name = control.user ?? ''
      users.set(name, socket)
      socket.send('{"type":"welcome"}')
    } else {
      room.add(socket)
      socket.send('{"type":"subscribed"}')
    }
  })
  socket.on('close', () => {
    users.delete(name)
    room.delete(socket)
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

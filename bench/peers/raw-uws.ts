/**
 * The floor: uWebSockets.js with the least that does the job. It checks no token, keeps no log, repairs nothing, and forwards the
 * payload as it came.
 */
import { ROOM } from './terms.ts'
import { serve } from '../lib/measured-server.ts'
import { loadUws, type Native } from '../../src/drivers/uws-binary.ts'

// The binary that the gateway uses here.
const { uWS } = loadUws()

const PUBLISH = 'p'.charCodeAt(0)
const IDLE_TIMEOUT_SECONDS = 120

interface User {
  name: string
}
type Socket = Native.WebSocket<User>

interface Control {
  readonly type: 'connect' | 'subscribe'
  readonly user?: string
  readonly channel?: string
}

interface PublishRequest {
  readonly user?: string
  readonly data: unknown
}

const users = new Map<string, Socket>()
const streams = new Set<Native.HttpResponse>()
const app = uWS.App()

app.ws<User>('/*', {
  maxPayloadLength: 65_536,
  idleTimeout: IDLE_TIMEOUT_SECONDS,
  sendPingsAutomatically: true,
  upgrade(response, request, context) {
    response.upgrade<User>(
      { name: '' },
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    )
  },
  message(socket, message) {
    const bytes = new Uint8Array(message)
    if (bytes[0] === PUBLISH) {
      app.publish(ROOM, bytes.subarray(1))
      return
    }
    const control = JSON.parse(Buffer.from(message).toString()) as Control
    if (control.type === 'connect') {
      const user = socket.getUserData()
      user.name = control.user ?? ''
      users.set(user.name, socket)
      socket.send('{"type":"welcome"}')
    } else {
      socket.subscribe(control.channel ?? '')
      socket.send('{"type":"subscribed"}')
    }
  },
  close(socket) {
    users.delete(socket.getUserData().name)
  },
})

app.get('/sse', (response) => {
  response.onAborted(() => streams.delete(response))
  response.writeHeader('content-type', 'text/event-stream')
  response.write(':\n\n')
  streams.add(response)
})

let pending: string[] = []
let chunk = Buffer.alloc(0)
let writing: Native.HttpResponse | undefined
const writeChunk = (): void => void writing?.write(chunk)

/** From an immediate, so that the publisher's request does not hold the thread's only cork buffer. */
function flushStreams(): void {
  chunk = Buffer.from(pending.join(''))
  pending = []
  for (const stream of streams) {
    writing = stream
    stream.cork(writeChunk)
  }
}

let events = 0
app.post('/publish', (response) => {
  let aborted = false
  response.onAborted(() => {
    aborted = true
  })
  const parts: Buffer[] = []
  response.onData((part, last) => {
    parts.push(Buffer.from(part.slice(0)))
    if (!last) return
    const { user, data } = JSON.parse(Buffer.concat(parts).toString()) as PublishRequest
    const text = JSON.stringify(data)
    if (user !== undefined) users.get(user)?.send(text)
    else {
      app.publish(ROOM, text)
      if (streams.size > 0) {
        if (pending.length === 0) setImmediate(flushStreams)
        pending.push(`event: message\ndata: ${text}\nid: ${++events}\n\n`)
      }
    }
    if (!aborted) response.cork(() => void response.end('{"ok":true}'))
  })
})

serve(
  () =>
    new Promise((resolve, reject) => {
      app.listen('127.0.0.1', 0, (socket) => {
        if (socket === false) {
          reject(new Error('there is no free port on 127.0.0.1'))
          return
        }
        const port = uWS.us_socket_local_port(socket)
        resolve({ port, apiPort: port })
      })
    }),
)

/**
 * The door to the package `ws`: a WebSocket that this node opens to another one.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { WebSocket } from 'ws'
import type { Caught } from '../errors.ts'

export interface DialEvents {
  opened(): void
  /** The bytes are the receiver's to keep. */
  received(bytes: Buffer): void
  /** Once, whether it was open or not; nothing comes after it. `status`: of the answer that refused it. */
  closed(reason: string, status: number | undefined): void
}

export interface DialOptions {
  readonly protocol: string
  readonly headers: Readonly<Record<string, string>>
  /** An attempt that takes longer is given up. */
  readonly handshakeTimeoutMs: number
  readonly frameBytesMax: number
  readonly caught: Caught
  /** Certificates in PEM that the other side's must come from. Absent: those that the system trusts. */
  readonly ca?: string | undefined
  /** Whether the answer to the handshake is of whom was meant. If not, the connection ends before it is open. */
  readonly accepts: (headers: IncomingHttpHeaders) => boolean
}

export interface DialedSocket {
  /** Bytes that wait for the network. */
  readonly bufferedBytes: number
  send(bytes: Uint8Array): void
  close(): void
}

export function dial(url: string, options: DialOptions, events: DialEvents): DialedSocket {
  const socket = new WebSocket(url, options.protocol, {
    headers: options.headers,
    handshakeTimeout: options.handshakeTimeoutMs,
    maxPayload: options.frameBytesMax,
    perMessageDeflate: false,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
  let reason = 'the connection was closed'
  /** Nothing in the package catches what a listener throws: it would end the process. */
  const behindWall = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      options.caught('link', error)
      socket.terminate()
    }
  }
  let accepted = false
  // Before `open`, and nothing has been sent yet.
  socket.on('upgrade', (response) =>
    behindWall(() => {
      accepted = options.accepts(response.headers)
      if (!accepted) reason = 'the other side is not whom was meant'
    }),
  )
  socket.on('open', () => {
    if (accepted) behindWall(() => events.opened())
    else socket.terminate()
  })
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary && accepted) behindWall(() => events.received(data))
  })
  let status: number | undefined
  socket.on('unexpected-response', (_request, response) => {
    status = response.statusCode
    socket.terminate()
  })
  socket.on('error', (error: Error) => (reason = error.message))
  socket.on('close', () =>
    behindWall(() => events.closed(status === undefined ? reason : `it was refused with ${status}`, status)),
  )
  return {
    get bufferedBytes() {
      return socket.bufferedAmount
    },
    send(bytes) {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
    },
    close() {
      socket.terminate()
    },
  }
}

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { Listener, type HttpExchange, type HttpStream } from '../../../src/drivers/uws.ts'

/** More than the kernel takes for a peer that does not read. */
const CHUNK = Buffer.alloc(65_536)
const LAST_CHUNK = '0\r\n\r\n'

interface Met {
  readonly walls: string[]
  aborted: number
}

/** To a peer who reads only once he is behind: `writable` is what is done when he does. Resolves once his connection has ended. */
async function slowRead(writable: (stream: HttpStream, exchange: HttpExchange) => void): Promise<Met> {
  const met: Met = { walls: [], aborted: 0 }
  let behind: () => void = () => undefined
  const isBehind = new Promise<void>((resolve) => (behind = resolve))
  const listener = new Listener({
    ...{ host: '127.0.0.1', port: 0, shared: false, setBy: 'host and port', goneMs: 40_000 },
    caught: (wall) => met.walls.push(wall),
  })
  listener.http({
    bodyBytesMax: 0,
    handle(exchange) {
      exchange.onAborted(() => met.aborted++)
      const stream = exchange.stream(
        200,
        { connection: 'close' },
        () => writable(stream as HttpStream, exchange),
        '\n',
      )
      stream?.cork(() => {
        while (stream.write(CHUNK));
      })
      behind()
    },
    failed: (_exchange, error) => {
      throw error
    },
  })
  await listener.listen()
  onTestFinished(() => listener.close())
  const socket = connect({ host: '127.0.0.1', port: listener.port })
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await isBehind
  // Behind its end the library would keep the connection for another request.
  socket.on('data', (bytes: Buffer) => {
    if (bytes.subarray(-LAST_CHUNK.length).toString() === LAST_CHUNK) socket.destroy()
  })
  await closed
  return met
}

it('a peer who was too slow may be cut when he reads again', async () => {
  expect(await slowRead((stream) => stream.abort())).toEqual({ walls: [], aborted: 0 })
  expect(await slowRead((_stream, exchange) => exchange.cut())).toEqual({ walls: [], aborted: 1 })
})

it('a stream may end when its peer reads again, with a last word or without', async () => {
  expect(await slowRead((stream) => stream.end())).toEqual({ walls: [], aborted: 0 })
  const last = (stream: HttpStream): void => {
    stream.write('last')
    stream.end()
  }
  expect(await slowRead(last)).toEqual({ walls: [], aborted: 0 })
})

it('what fails when a peer reads again is caught, and ends the connection, if that has not ended', async () => {
  const fails = (): never => {
    throw new Error('of a handler')
  }
  expect(await slowRead(fails)).toEqual({ walls: ['writable'], aborted: 1 })
  const endsFirst = (stream: HttpStream): never => {
    stream.abort()
    return fails()
  }
  expect(await slowRead(endsFirst)).toEqual({ walls: ['writable'], aborted: 0 })
})

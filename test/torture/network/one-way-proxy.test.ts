import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate, OneWayProxy } from './one-way-proxy.ts'

const HOST = '127.0.0.1'

let server: Server
let proxy: OneWayProxy
let there: Gate
let back: Gate
let client: Socket
let served: Socket
let atServer = ''
let atClient = ''

beforeEach(async () => {
  atServer = atClient = ''
  server = createServer().listen(0, HOST)
  await once(server, 'listening')
  ;[there, back] = [new Gate(() => 0.5), new Gate(() => 0.5)]
  proxy = new OneWayProxy({ host: HOST, port: (server.address() as AddressInfo).port }, there, back)
  await proxy.listen({ host: HOST, port: 0 })
  const accepted = once(server, 'connection')
  client = connect(proxy.port, HOST)
  ;[served] = (await accepted) as [Socket]
  served.setEncoding('utf8').on('data', (text: string) => (atServer += text))
  client.setEncoding('utf8').on('data', (text: string) => (atClient += text))
})

afterEach(async () => {
  client.destroy()
  await proxy.close()
  await new Promise((resolve) => server.close(resolve))
})

describe('a proxy that is cut one way', () => {
  it('carries what goes the other way, and holds what goes this one until it heals', async () => {
    back.set(true, 0, 0)
    served.write('answer')
    client.write('question')
    await expect.poll(() => atServer).toBe('question')
    expect(atClient).toBe('')
    back.set(false, 0, 0)
    await expect.poll(() => atClient).toBe('answer')
  })

  it('tells nobody that the other side has closed, until it heals', async () => {
    there.set(true, 0, 0)
    const closed = once(served, 'close')
    client.write('last words')
    client.destroy()
    // What the server says still arrives at the proxy, where nobody is any more.
    await expect.poll(() => served.destroyed || there.closed).toBe(true)
    expect(served.destroyed).toBe(false)
    there.set(false, 0, 0)
    await closed
    expect(atServer).toBe('last words')
  })

  it('delays what comes, and keeps its order', async () => {
    there.set(false, 30, 0)
    client.write('one ')
    await expect.poll(() => atServer).toBe('one ')
    there.set(false, 60, 0)
    client.write('two ')
    there.set(false, 1, 0)
    client.write('three')
    await expect.poll(() => atServer).toBe('one two three')
  })
})

import { Transform, type TransformCallback } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { NatsEvents } from '../../../src/drivers/nats-port.ts'
import { NatsLink } from '../../../src/drivers/nats.ts'
import { CuttingProxy } from '../../support/cutting-proxy.ts'
import { NATS_PATIENCE_MS, openNats } from '../../support/nats-links.ts'
import { NatsServer } from '../../support/nats-server.ts'
import { freePort, ServerProcess } from '../../support/server-process.ts'

const NOTHING = new Uint8Array(0)

class Log implements NatsEvents {
  readonly seen: string[] = []

  connected(): void {
    this.seen.push('connected')
  }

  disconnected(reason: string): void {
    this.seen.push(`disconnected: ${reason}`)
  }

  refused(reason: string): void {
    this.seen.push(`refused: ${reason}`)
  }
}

/** What a server with much to do says comes later than the client waits at first. */
class Late extends Transform {
  #first = true

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const pass = (): void => done(null, chunk)
    if (!this.#first) return pass()
    this.#first = false
    setTimeout(pass, 2300)
  }
}

describe('NatsLink', () => {
  let server: NatsServer
  let closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    server = await NatsServer.start()
  })
  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })
  afterAll(() => server.stop())

  async function open(url = server.url, events?: NatsEvents): Promise<NatsLink> {
    const link = await openNats(url, events)
    closing.push(() => link.close())
    return link
  }

  function unopened(url: string, events?: NatsEvents): NatsLink {
    const link = new NatsLink({ urls: [url], name: 'test' })
    if (events !== undefined) link.watch(events)
    closing.push(() => link.close())
    return link
  }

  const arrivals = (link: NatsLink, subject: string, queue?: string): string[] => {
    const seen: string[] = []
    link.subscribe(subject, queue === undefined ? {} : { queue }, (from, data, reply, headers) => {
      seen.push([from, data.toString(), reply, JSON.stringify(headers)].join(' '))
    })
    return seen
  }

  it('gives a server whose handshake takes long more time from attempt to attempt, and comes in', async () => {
    const proxy = new CuttingProxy(server.port, () => new Late())
    await proxy.listen()
    closing.push(() => proxy.close())
    const link = await open(`nats://127.0.0.1:${proxy.port}`)
    expect(link.up).toBe(true)
  })

  it('tells of its connection, and keeps what was subscribed to before it', async () => {
    const log = new Log()
    const link = unopened(server.url, log)
    const seen = arrivals(link, 'early.*')
    expect(link.up).toBe(false)
    expect(link.publish('early.a', Buffer.from('lost'))).toBe(false)
    link.start()
    link.start()
    await link.flush()
    expect(log.seen).toEqual(['connected'])
    expect(link.publish('early.a', Buffer.from('one'))).toBe(true)
    expect(link.publish('early.b', Buffer.from('two'), { 'Sluice-Id': 'x' })).toBe(true)
    await expect.poll(() => seen).toEqual(['early.a one  ', 'early.b two  {"Sluice-Id":"x"}'])
  })

  it('a subscription that is cancelled brings nothing more, also if it never was established', async () => {
    const link = unopened(server.url)
    const seen: string[] = []
    const never = link.subscribe('quiet', {}, () => seen.push('never'))
    never.unsubscribe()
    link.start()
    await link.flush()
    const later = link.subscribe('quiet', {}, () => {
      seen.push('later')
      later.unsubscribe()
      later.unsubscribe()
    })
    link.publish('quiet', NOTHING)
    link.publish('quiet', NOTHING)
    await link.flush()
    link.publish('quiet', NOTHING)
    await link.flush()
    expect(seen).toEqual(['later'])
  })

  it('a subscription that is drained brings what the server had sent, and nothing after that', async () => {
    const heard: number[] = []
    const link = await open()
    const subscription = link.subscribe('last', {}, (_subject, data) => heard.push(data[0] as number))
    for (let i = 0; i < 200; i++) link.publish('last', Buffer.from([i]))
    await subscription.drain()
    expect(heard).toHaveLength(200)
    link.publish('last', Buffer.from([200]))
    await link.flush()
    expect(heard).toHaveLength(200)
    // Nothing can come of these.
    await subscription.drain()
    await unopened(server.url)
      .subscribe('last', {}, () => undefined)
      .drain()
  })

  it('of a queue one member gets each message', async () => {
    const [one, two] = [await open(), await open()]
    const [first, second] = [arrivals(one, 'work', 'workers'), arrivals(two, 'work', 'workers')]
    await Promise.all([one.flush(), two.flush()])
    for (let i = 0; i < 50; i++) one.publish('work', Buffer.from(String(i)))
    await expect.poll(() => first.length + second.length).toBe(50)
    expect(new Set([...first, ...second]).size).toBe(50)
  })

  it('asks and is answered, or learns that nobody is there', async () => {
    const [one, two] = [await open(), await open()]
    two.subscribe('ask', {}, (_subject, data, reply) => {
      two.respond(reply, Buffer.concat([data, data]), { A: 'b' })
    })
    two.subscribe('silent', {}, () => undefined)
    await two.flush()
    const answer = await one.request('ask', Buffer.from('ab'), NATS_PATIENCE_MS, { X: 'y' })
    expect([answer.data.toString(), answer.headers]).toEqual(['abab', { A: 'b' }])
    await expect(one.request('nobody', NOTHING, NATS_PATIENCE_MS)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'nobody is there to answer',
    })
    await expect(one.request('silent', NOTHING, 50)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(unopened(server.url).request('ask', NOTHING, 50)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it('what the server has refused comes once it is allowed, on the same connection and after a reconnect', async () => {
    const may = (permissions: string): string[] => [
      `authorization { users: [{ user: u, password: p, permissions: { publish: ">", subscribe: ${permissions} } }] }`,
    ]
    const all = may('">"')
    const less = may('{ allow: ">", deny: "closed.*" }')
    const strict = await NatsServer.start(undefined, less)
    closing.push(() => strict.stop())
    const log = new Log()
    const link = await open(strict.url.replace('//', '//u:p@'), log)
    const seen = arrivals(link, 'closed.a')
    const refusals = (): number => log.seen.filter((text) => text.startsWith('refused')).length
    const heard = async (word: string): Promise<boolean> => {
      link.publish('closed.a', Buffer.from(word))
      await link.flush()
      return seen.includes(`closed.a ${word}  `)
    }
    await expect.poll(refusals).toBe(1)
    strict.reload(all)
    await expect.poll(() => heard('allowed')).toBe(true)
    expect(log.seen.filter((text) => text === 'connected')).toHaveLength(1)
    // Each once: it was not subscribed to twice.
    seen.length = 0
    expect(await heard('once')).toBe(true)
    expect(seen).toHaveLength(1)

    await strict.restart({ more: less })
    await expect.poll(refusals).toBe(2)
    await strict.restart({ more: all })
    await expect.poll(() => heard('after another start')).toBe(true)
  })

  it('refuses what the server would not take, and stays connected', async () => {
    const log = new Log()
    const link = await open(server.url, log)
    const much = new Uint8Array(link.maxPayloadBytes)
    expect(link.maxPayloadBytes).toBe(1_048_576)
    expect(link.publish('much', much)).toBe(true)
    expect(() => link.publish('much', new Uint8Array(much.length + 1))).toThrow(
      /1048577 bytes.* takes 1048576/,
    )
    expect(() => link.publish('much', much, { A: 'b' })).toThrow(/max_payload/)
    await expect(link.request('much', much, 50, { A: 'b' })).rejects.toMatchObject({ code: 'limit_exceeded' })
    await link.flush()
    expect(log.seen).toEqual(['connected'])
  })

  it('what a callback throws is seen, and the connection goes on', async () => {
    const link = await open()
    const faults: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (fault) => faults.push(fault))
    try {
      const fault = new Error('a fault of the callback')
      link.subscribe('faulty', {}, () => {
        throw fault
      })
      link.publish('faulty', NOTHING)
      await expect.poll(() => faults).toEqual([fault])
      await link.flush()
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })

  it('sends what it was given before it closes, and nothing after', async () => {
    const [one, two] = [await open(), await open()]
    const seen = arrivals(two, 'last')
    await two.flush()
    for (let i = 0; i < 100; i++) one.publish('last', NOTHING)
    await Promise.all([one.close(), one.close()])
    expect(one.up).toBe(false)
    expect(one.publish('last', NOTHING)).toBe(false)
    await expect(one.flush()).rejects.toMatchObject({ code: 'unavailable' })
    await expect.poll(() => seen.length).toBe(100)
  })

  it('waits for a server that is away, says so, and can be closed meanwhile', async () => {
    const log = new Log()
    const url = `nats://127.0.0.1:${await freePort()}`
    const link = unopened(url, log)
    link.start()
    await expect.poll(() => log.seen).toEqual(['disconnected: connection refused'])
    await expect(link.flush(50)).rejects.toMatchObject({ code: 'unavailable' })
    const waiting = link.flush(NATS_PATIENCE_MS)
    await link.close()
    await expect(waiting).rejects.toThrow('the link to NATS has been closed')
  })

  it('tells its credentials to the server alone', async () => {
    const port = await freePort()
    const guarded = await ServerProcess.start({
      program: 'nats-server',
      install: 'apt-get install nats-server',
      args: ['-a', '127.0.0.1', '-p', String(port), '--user', 'alice', '--pass', '1:2@x'],
      ready: 'Server is ready',
    })
    closing.push(() => guarded.kill())
    await open(`nats://alice:1%3A2%40x@127.0.0.1:${port}`)
    const log = new Log()
    unopened(`nats://alice:hunter2@127.0.0.1:${port}`, log).start()
    await expect.poll(() => log.seen).toEqual([expect.stringMatching(/^disconnected: .*authorization/i)])
    expect(log.seen.join()).not.toMatch(/hunter2|alice/)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import type { Backbone, BackboneSink } from '../../src/backbone/backbone.ts'
import { NatsBackbone, type NatsBackboneOptions, type Several } from '../../src/backbone/nats.ts'
import { SealedPackets } from '../../src/backbone/sealed.ts'
import { systemClock } from '../../src/clock.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { SluiceError } from '../../src/errors.ts'
import { encodeControl, encodeMessage } from '../../src/protocol/packet.ts'
import type { EphemeralMessage } from '../../src/protocol/message.ts'
import { NatsEchoes, openNats } from '../support/nats-links.ts'
import { NatsCluster, NatsServer } from '../support/nats-server.ts'
import { describeBackbone, type BackboneFixture } from './backbone.suite.ts'

const SECRET = 'a-secret-that-the-nodes-of-a-test-share'
const packetsOf = (node: string, secret = SECRET): SealedPackets =>
  new SealedPackets(secret, node, systemClock)

const READ_BY_ALL: Several = {
  readBy: () => true,
  failed(error) {
    throw error
  },
}

describeBackbone('NatsBackbone at one server', () => atOneServer())

/** Logged messages of a turn go as packets of several. */
describeBackbone('NatsBackbone between nodes that read several messages in a packet', () =>
  atOneServer({ several: READ_BY_ALL }),
)

async function atOneServer(more: { readonly several?: Several } = {}): Promise<BackboneFixture> {
  const server = await NatsServer.start()
  const links: NatsLink[] = []
  return {
    async join(node, sink) {
      const link = await openNats(server.url)
      links.push(link)
      const backbone = new NatsBackbone(node, link, sink, { packets: packetsOf(node), ...more })
      await link.flush()
      return backbone
    },
    async close() {
      for (const link of links) await link.close()
      await server.stop()
    },
  }
}

/** Each node at another server. A subscription is waited for until all servers know of it, which no server tells. */
describeBackbone('NatsBackbone at three servers', async () => {
  const cluster = await NatsCluster.start()
  const echoes = await NatsEchoes.open(cluster.servers)
  const links: NatsLink[] = []
  return {
    async join(node, sink): Promise<Backbone> {
      const link = await openNats(cluster.urls[links.length % cluster.urls.length] as string)
      links.push(link)
      const backbone = new NatsBackbone(node, link, sink, { packets: packetsOf(node) })
      await echoes.heard(link)
      return {
        async subscribe(channel) {
          await backbone.subscribe(channel)
          await echoes.heard(link)
        },
        unsubscribe: (channel) => backbone.unsubscribe(channel),
        broadcast: (sent) => backbone.broadcast(sent),
        unicast: (to, sent) => backbone.unicast(to, sent),
        control: (to, payload) => backbone.control(to, payload),
        healthy: () => backbone.healthy(),
        close: () => backbone.close(),
      }
    },
    async close() {
      for (const link of links) await link.close()
      await echoes.close()
      await cluster.stop()
    },
  }
})

/** Keeps what reaches a node, in order. */
class Events implements BackboneSink {
  readonly seen: string[] = []

  message({ data }: { readonly data: Uint8Array }): void {
    this.seen.push(Buffer.from(data).toString())
  }

  control(fromNode: string): void {
    this.seen.push(`control from ${fromNode}`)
  }

  connected(): void {
    this.seen.push('connected')
  }

  disconnected(): void {
    this.seen.push('disconnected')
  }

  count(what: string): number {
    return this.seen.filter((one) => one === what).length
  }
}

describe('NatsBackbone', () => {
  let closing: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function serve(): Promise<NatsServer> {
    const server = await NatsServer.start()
    closing.push(() => server.stop())
    return server
  }

  async function join(
    server: NatsServer,
    node: string,
    options: Partial<NatsBackboneOptions> = {},
  ): Promise<{ sink: Events; backbone: NatsBackbone; link: NatsLink }> {
    const link = await openNats(server.url)
    const sink = new Events()
    const backbone = new NatsBackbone(node, link, sink, { packets: packetsOf(node), ...options })
    closing.push(
      () => link.close(),
      () => backbone.close(),
    )
    await link.flush()
    return { sink, backbone, link }
  }

  it('while the server is away it says so, and when it is back all subscriptions hold again', async () => {
    const server = await serve()
    const one = await join(server, 'one')
    const two = await join(server, 'two')
    await one.backbone.subscribe('before')
    await server.kill()
    for (const { sink } of [one, two]) await expect.poll(() => sink.count('disconnected')).toBe(1)
    expect(one.backbone.healthy()).toBe(false)
    expect(one.backbone.broadcast(message('before', 'lost'))).toBe('degraded')
    expect(one.backbone.unicast('two', message('before', 'lost'))).toBe('degraded')
    expect(one.backbone.control(undefined, new Uint8Array(1))).toBe('degraded')
    await one.backbone.subscribe('meanwhile')
    await one.backbone.subscribe('no more')
    one.backbone.unsubscribe('no more')
    await server.restart()
    for (const { sink } of [one, two]) await expect.poll(() => sink.count('connected')).toBe(1)
    expect(one.backbone.healthy()).toBe(true)
    expect(two.backbone.broadcast(message('no more', 'unheard'))).toBe('sent')
    two.backbone.broadcast(message('before', 'a'))
    two.backbone.broadcast(message('meanwhile', 'b'))
    two.backbone.unicast('one', message('elsewhere', 'c'))
    two.backbone.control('one', new Uint8Array(1))
    await expect.poll(() => one.sink.seen.at(-1)).toBe('control from two')
    expect(one.sink.seen).toEqual(['disconnected', 'connected', 'a', 'b', 'c', 'control from two'])
  })

  it('begins while there is no server, and tells when there is one', async () => {
    const server = await serve()
    await server.kill()
    const link = new NatsLink({ urls: [server.url], name: 'early' })
    const sink = new Events()
    const backbone = new NatsBackbone('early', link, sink, { packets: packetsOf('early') })
    closing.push(() => link.close())
    link.start()
    await expect.poll(() => sink.count('disconnected')).toBe(1)
    await backbone.subscribe('news')
    await server.restart()
    await expect.poll(() => sink.count('connected')).toBe(1)
    backbone.broadcast(message('news', 'mine'))
    await expect.poll(() => sink.seen).toEqual(['disconnected', 'connected', 'mine'])
  })

  it('a subscription that a hanging server does not confirm is compared with the log once it does', async () => {
    const server = await serve()
    const { sink, backbone, link } = await join(server, 'one')
    server.pause()
    // A signal takes its time.
    while (await answers(link));
    await backbone.subscribe('news')
    expect(sink.seen).toEqual([])
    server.resume()
    await expect.poll(() => sink.count('connected')).toBe(1)
    backbone.broadcast(message('news', 'mine'))
    await expect.poll(() => sink.seen).toEqual(['connected', 'mine'])
  })

  it('moves to another server of the cluster when its own goes lame, and its subscriptions with it', async () => {
    const cluster = await NatsCluster.start()
    closing.push(() => cluster.stop())
    const [first, second] = cluster.servers as [NatsServer, NatsServer]
    const one = await join(first, 'one')
    const two = await join(second, 'two')
    const lame: string[] = []
    one.link.watch({
      connected: () => undefined,
      disconnected: () => undefined,
      lameDuck: (server) => lame.push(server),
    })
    await one.backbone.subscribe('news')
    first.lameDuck()
    await expect.poll(() => one.sink.count('connected')).toBe(1)
    expect(lame).toContain(`127.0.0.1:${first.port}`)
    const echoes = await NatsEchoes.open(cluster.servers.slice(1))
    closing.push(() => echoes.close())
    await echoes.heard(one.link)
    two.backbone.broadcast(message('news', 'still'))
    await expect.poll(() => one.sink.seen).toEqual(['disconnected', 'connected', 'still'])
    expect(two.sink.seen).toEqual([])
  })

  it('B3 channels with names that are no subjects are kept apart', async () => {
    const { sink, backbone } = await join(await serve(), 'one')
    const odd = [
      '@alice smith',
      '@*',
      '@>',
      '*',
      '>',
      'a..b',
      '.a',
      'a.',
      '',
      '@é🚰',
      'a\r\nPUB x 0\r\n',
      '%',
      'a%b',
    ]
    for (const channel of odd) {
      await backbone.subscribe(channel)
      for (const other of [...odd, 'a', '@bob', 'a.b']) {
        backbone.broadcast(message(other, `${JSON.stringify(other)} for ${JSON.stringify(channel)}`))
      }
      backbone.broadcast(message(channel, 'last'))
      await expect.poll(() => sink.seen.at(-1)).toBe('last')
      backbone.unsubscribe(channel)
      const expected = `${JSON.stringify(channel)} for ${JSON.stringify(channel)}`
      expect(sink.seen.splice(0)).toEqual([expected, 'last'])
    }
  })

  it('clusters with different prefixes do not hear each other', async () => {
    const server = await serve()
    const one = await join(server, 'one', { prefix: 'blue' })
    const other = await join(server, 'one', { prefix: 'green' })
    for (const { backbone } of [one, other]) await backbone.subscribe('news')
    one.backbone.broadcast(message('news', 'blue'))
    one.backbone.unicast('one', message('news', 'blue unicast'))
    one.backbone.control(undefined, new Uint8Array(1))
    await expect.poll(() => one.sink.seen).toEqual(['blue', 'blue unicast', 'control from one'])
    other.backbone.broadcast(message('news', 'green'))
    await expect.poll(() => other.sink.seen).toEqual(['green'])
  })

  it('what the server does not take is not sent, and is told', async () => {
    const told: (string | number)[][] = []
    const { sink, backbone, link } = await join(await serve(), 'one', {
      oversize: (...what) => told.push(what),
    })
    await backbone.subscribe('news')
    const max = link.maxPayloadBytes
    expect(backbone.broadcast(message('news', 'x'.repeat(max)))).toBe('degraded')
    expect(backbone.unicast('one', message('news', 'x'.repeat(max)))).toBe('degraded')
    expect(backbone.control('one', new Uint8Array(max))).toBe('degraded')
    expect(backbone.broadcast(message('news', 'small'))).toBe('sent')
    await expect.poll(() => sink.seen).toEqual(['small'])
    expect(told).toEqual([
      ['sluice.ch.news', max + 57, max],
      ['sluice.node.one', max + 57, max],
      ['sluice.node.one', max + 42, max],
    ])
  })

  /** Whoever is on NATS reads everything, and writes what he likes: both here, as an insider does. */
  const insider = async (server: NatsServer): Promise<{ heard: [string, Buffer][]; link: NatsLink }> => {
    const link = await openNats(server.url)
    closing.push(() => link.close())
    const heard: [string, Buffer][] = []
    link.subscribe('>', {}, (subject, data) => void heard.push([subject, Buffer.from(data)]))
    await link.flush()
    return { heard, link }
  }

  it('what somebody makes up who does not know the secret does nothing, and is told', async () => {
    const server = await serve()
    const told: string[] = []
    const { sink, backbone } = await join(server, 'one', {
      refused: (why, subject, from) => told.push(`${why} ${subject} ${from}`),
    })
    await backbone.subscribe('news')
    const { link } = await insider(server)
    const forger = packetsOf('two', 'another secret of somebody')
    for (const subject of ['sluice.node.one', 'sluice.all', 'sluice.ch.news']) {
      for (const packet of [
        encodeControl('two', Buffer.from('{}')),
        encodeMessage(message('news', 'forged')),
      ]) {
        link.publish(subject, packet)
        link.publish(subject, forger.seal(subject, packet))
      }
    }
    await link.flush()
    backbone.broadcast(message('news', 'good'))
    await expect.poll(() => sink.seen).toEqual(['good'])
    expect(told).toEqual(
      ['sluice.node.one', 'sluice.all', 'sluice.ch.news'].flatMap((subject) => [
        `bare ${subject} undefined`,
        `secret ${subject} two`,
        `bare ${subject} undefined`,
        `secret ${subject} two`,
      ]),
    )
  })

  it('what somebody has read and sends again, there or elsewhere, or changed, does nothing, and is told', async () => {
    const server = await serve()
    const told: string[] = []
    const refused = (why: string, subject: string, from: string | undefined): void =>
      void told.push(`${why} ${subject} ${from}`)
    const one = await join(server, 'one', { refused })
    const two = await join(server, 'two', { refused })
    const { heard, link } = await insider(server)
    await one.backbone.subscribe('news')
    two.backbone.control('one', Buffer.from('{}'))
    two.backbone.unicast('one', message('@ann', 'to ann'))
    two.backbone.control(undefined, Buffer.from('{}'))
    two.backbone.broadcast(message('news', 'broadcast'))
    const all = ['control from two', 'to ann', 'control from two', 'broadcast']
    await expect.poll(() => one.sink.seen).toEqual(all)
    await expect.poll(() => heard.length).toBe(4)
    await expect.poll(() => two.sink.seen).toEqual(['control from two'])
    for (const [subject, bytes] of [...heard]) {
      const changed = Buffer.from(bytes)
      changed[changed.length - 20] = (changed[changed.length - 20] as number) ^ 1
      link.publish(subject, bytes)
      link.publish('sluice.node.two', bytes)
      link.publish('sluice.all', changed)
    }
    await link.flush()
    one.backbone.broadcast(message('news', 'good'))
    await expect.poll(() => one.sink.seen).toEqual([...all, 'good'])
    await two.link.flush()
    expect(two.sink.seen).toEqual(['control from two'])
    const count = (what: string): number => told.filter((one_) => one_ === what).length
    // Each again at its own subject: to one, to all (two nodes), to the channel. Elsewhere and changed: no packet of ours.
    expect(count('replayed sluice.node.one two')).toBe(2)
    expect(count('replayed sluice.all two')).toBe(2)
    expect(count('replayed sluice.ch.news two')).toBe(1)
    expect(count('secret sluice.node.two two')).toBe(4)
    expect(count('secret sluice.all two')).toBe(8)
    expect(told).toHaveLength(17)
  })

  it('what a node sends whose clock differs by seconds is taken, and by more than a minute is refused and told', async () => {
    const server = await serve()
    const told: string[] = []
    const { sink, backbone } = await join(server, 'one', {
      refused: (why, subject, from) => told.push(`${why} ${subject} ${from}`),
    })
    await backbone.subscribe('news')
    const skewed = (ms: number): SealedPackets =>
      new SealedPackets(SECRET, `by ${ms}`, { now: () => Date.now() + ms })
    for (const ms of [-50_000, 50_000, -70_000, 70_000]) {
      const other = await join(server, `by ${ms}`, { packets: skewed(ms) })
      other.backbone.broadcast(message('news', String(ms)))
      await other.link.flush()
    }
    backbone.broadcast(message('news', 'last'))
    await expect.poll(() => sink.seen).toEqual(['-50000', '50000', 'last'])
    expect(told).toEqual(['clock sluice.ch.news by -70000', 'clock sluice.ch.news by 70000'])
  })

  it('what others write to its subjects and is no packet is dropped', async () => {
    const { sink, backbone, link } = await join(await serve(), 'one')
    await backbone.subscribe('news')
    for (const subject of ['sluice.ch.news', 'sluice.node.one', 'sluice.all']) {
      for (const bytes of ['', '\x11', '\x12\x00', '\x13\xff', '{"data":1}']) {
        link.publish(subject, Buffer.from(bytes, 'latin1'))
      }
    }
    backbone.broadcast(message('news', 'good'))
    await expect.poll(() => sink.seen).toEqual(['good'])
  })
})

async function answers(link: NatsLink): Promise<boolean> {
  try {
    await link.flush(200)
    return true
  } catch (error) {
    if (error instanceof SluiceError) return false
    throw error
  }
}

function message(channel: string, data: string): EphemeralMessage {
  return { kind: 'ephemeral', channel, data: Buffer.from(data), binary: false, id: undefined, time: 1 }
}

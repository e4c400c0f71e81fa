import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, describe, expect, it } from 'vitest'
import { JetStreamAckStore, type JetStreamAckStoreOptions } from '../../src/acks/jetstream.ts'
import { systemClock } from '../../src/clock.ts'
import { JetStream } from '../../src/drivers/jetstream.ts'
import type { NatsLink } from '../../src/drivers/nats.ts'
import { NATS_PATIENCE_MS, openNats } from '../support/nats-links.ts'
import { NatsServer } from '../support/nats-server.ts'
import { describeAckStore } from './acks.suite.ts'

const UNAVAILABLE = { name: 'SluiceError', code: 'unavailable' }
const LOG_MAX_AGE_MS = 600_000

describeAckStore('JetStreamAckStore', async () => {
  const server = await NatsServer.start()
  const links = [await openNats(server.url), await openNats(server.url)] as const
  const [one, other] = links.map((link) => {
    const js = new JetStream(link, { timeoutMs: NATS_PATIENCE_MS })
    return new JetStreamAckStore(js, systemClock, { logMaxAgeMs: LOG_MAX_AGE_MS })
  }) as [JetStreamAckStore, JetStreamAckStore]
  await Promise.all([one.ready(), other.ready()])
  return {
    one,
    other,
    async close() {
      await Promise.all([one.close(), other.close()])
      await Promise.all(links.map((link) => link.close()))
      await server.stop()
    },
  }
})

describe('JetStreamAckStore', () => {
  let closing: (() => Promise<void> | void)[] = []

  afterEach(async () => {
    for (const close of closing.toReversed()) await close()
    closing = []
  })

  async function serve(): Promise<NatsServer> {
    const server = await NatsServer.start()
    closing.push(() => server.stop())
    return server
  }

  async function opened(
    server: NatsServer,
    options: Partial<JetStreamAckStoreOptions> = {},
    timeoutMs = 2000,
  ): Promise<{ store: JetStreamAckStore; link: NatsLink }> {
    const link = await openNats(server.url)
    closing.push(() => link.close())
    const store = new JetStreamAckStore(new JetStream(link, { timeoutMs }), systemClock, {
      logMaxAgeMs: LOG_MAX_AGE_MS,
      ...options,
    })
    closing.push(() => store.close())
    await store.ready()
    return { store, link }
  }

  it('A4 what was acknowledged while the server is away is written when it returns', async () => {
    const server = await serve()
    const { store } = await opened(server)
    store.ack('user', 'a', 'e1', 1)
    await server.kill()
    await expect.poll(() => store.healthy()).toBe(false)
    await expect(store.acked('user', 'a')).rejects.toMatchObject(UNAVAILABLE)
    for (let offset = 2; offset <= 5; offset++) store.ack('user', 'a', 'e1', offset)
    await server.restart()
    const { store: other } = await opened(server)
    await expect.poll(() => other.acked('user', 'a')).toEqual({ epoch: 'e1', offset: 5 })
  })

  it('`acked` fails with unavailable after its time limit while the server hangs', async () => {
    const server = await serve()
    const { store, link } = await opened(server, {}, 200)
    server.pause()
    try {
      // The signal takes a moment.
      await expect.poll(() => link.flush(50).catch((error: unknown) => error)).toMatchObject(UNAVAILABLE)
      await expect(store.acked('user', 'a')).rejects.toMatchObject(UNAVAILABLE)
    } finally {
      server.resume()
    }
  })

  it('closing while the server is away does not fail', async () => {
    const server = await serve()
    const { store } = await opened(server)
    await server.kill()
    store.ack('user', 'a', 'e1', 1)
    await store.close()
  })

  it('many acknowledgements of one user and channel are few writes', async () => {
    const server = await serve()
    const { store, link } = await opened(server)
    for (let offset = 1; offset <= 1000; offset++) store.ack('user', 'a', 'e1', offset)
    await expect.poll(async () => (await bucketOf(link)).state.last_seq).toBe(1)
    for (let offset = 1; offset <= 1000; offset++) store.ack('user', 'a', 'e1', offset)
    await store.close()
    expect((await bucketOf(link)).state.last_seq).toBe(1)
  })

  it('what waits is bounded, and what had to go is counted', async () => {
    const server = await serve()
    let dropped = 0
    const { store } = await opened(server, { pendingMax: 10, dropped: () => dropped++ })
    await server.kill()
    await expect.poll(() => store.healthy()).toBe(false)
    for (let user = 0; user < 15; user++) store.ack(`user ${user}`, 'a', 'e1', 1)
    expect(dropped).toBe(5)
    await server.restart()
    const { store: other } = await opened(server)
    await expect.poll(() => other.acked('user 14', 'a')).toEqual({ epoch: 'e1', offset: 1 })
    expect(await other.acked('user 4', 'a')).toBeUndefined()
  })

  it('a bucket that was deleted under a running store is made again', async () => {
    const server = await serve()
    const { store, link } = await opened(server)
    const { store: other } = await opened(server)
    store.ack('user', 'a', 'e1', 9)
    await expect.poll(() => other.acked('user', 'a')).toEqual({ epoch: 'e1', offset: 9 })
    await (await manager(link)).streams.delete('KV_sluice-acks')
    store.ack('user', 'a', 'e1', 10)
    await expect
      .poll(() => other.acked('user', 'a').catch(() => undefined))
      .toEqual({ epoch: 'e1', offset: 10 })
  })

  it('a value that is not an acknowledgement is replaced', async () => {
    const server = await serve()
    const { store, link } = await opened(server)
    link.publish('$KV.sluice-acks.user.a', new TextEncoder().encode('{"nonsense":true}'))
    await link.flush(NATS_PATIENCE_MS)
    expect(await store.acked('user', 'a')).toBeUndefined()
    store.ack('user', 'a', 'e1', 3)
    await store.close()
    const { store: other } = await opened(server)
    expect(await other.acked('user', 'a')).toEqual({ epoch: 'e1', offset: 3 })
  })

  it('the bucket keeps one value per key, for a day longer than the log keeps messages', async () => {
    const server = await serve()
    const { link } = await opened(server)
    expect((await bucketOf(link)).config).toMatchObject({
      max_msgs_per_subject: 1,
      max_age: (LOG_MAX_AGE_MS + 86_400_000) * 1e6,
      subjects: ['$KV.sluice-acks.>'],
    })
  })

  async function bucketOf(link: NatsLink) {
    return (await manager(link)).streams.info('KV_sluice-acks')
  }

  function manager(link: NatsLink) {
    if (link.connection === undefined) expect.unreachable('the link is open')
    return jetstreamManager(link.connection)
  }
})

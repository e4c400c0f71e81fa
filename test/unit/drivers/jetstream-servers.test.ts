import type { NatsConnection } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import { JetStreamServers, keepsMetadata } from '../../../src/drivers/jetstream-servers.ts'
import { JetStream } from '../../../src/drivers/jetstream.ts'
import type { NatsEvents } from '../../../src/drivers/nats-port.ts'

const at = (version: string, replicas = 3): string | undefined => {
  const servers = new JetStreamServers()
  servers.saw('10.0.0.1:4222', version)
  return servers.objection(replicas)
}

describe('JetStreamServers', () => {
  it.each(['2.10.27', '2.10.28', '2.11.0', '2.12.8', '3.0.0', 'v2.10.27', '2.10.27-beta.1'])(
    'replicas are held by %s',
    (version) => expect(at(version)).toBeUndefined(),
  )

  it.each(['2.10.26', '2.9.10', '2.9.99', '1.99.99', '', 'dev', '2.10'])(
    'replicas are not held by "%s"',
    (version) => expect(at(version)).toContain(`10.0.0.1:4222 is of version ${version},`),
  )

  it('metadata are kept from 2.10 on', () => {
    expect(['2.10.0', '2.10.27', '2.12.8', '3.0.0'].filter((version) => !keepsMetadata(version))).toEqual([])
    expect(['2.9.10', '2.9.25', '', 'dev'].filter(keepsMetadata)).toEqual([])
  })

  it('one replica is held by any', () => expect(at('2.9.10', 1)).toBeUndefined())

  it('the objection says what is wrong, where, and what to do', () => {
    expect(at('2.9.10', 3)).toMatch(
      /^the NATS server at 10\.0\.0\.1:4222 is of version 2\.9\.10, and durable\.replicas is 3, which needs nats-server 2\.10\.27 .* update it .* or set durable\.replicas to 1$/,
    )
  })

  it('an old one that was seen counts until it is seen as a newer one', () => {
    const servers = new JetStreamServers()
    servers.saw('a:4222', '2.9.10')
    servers.saw('b:4222', '2.12.8')
    expect(servers.objection(3)).toContain('a:4222')
    servers.saw('a:4222', '2.12.8')
    expect(servers.objection(3)).toBeUndefined()
  })
})

describe('JetStream', () => {
  it('asks each server that it is connected to, before those who open their streams then', async () => {
    const watchers: NatsEvents[] = []
    const server = { address: 'a:4222', version: '2.12.8' }
    const js = new JetStream({
      // Nothing is asked of it: a good one is found to be away only afterwards.
      up: false,
      connection: {
        getServer: () => server.address,
        get info() {
          return { version: server.version }
        },
      } as NatsConnection,
      watch: (events) => void watchers.push(events),
    })
    const spec = {
      name: 'S',
      subjectPrefix: 's',
      maxAgeMs: 60_000,
      replicas: 3,
      storage: 'file',
      idempotencyMs: 60_000,
    } as const
    const answers: Promise<unknown>[] = []
    js.watch({ connected: () => void answers.push(js.ensureStream(spec)), disconnected: () => undefined })
    const reconnected = async (): Promise<unknown> => {
      for (const watcher of watchers) watcher.connected()
      return answers.pop()
    }
    await expect(reconnected()).rejects.toThrow('cannot be reached')
    Object.assign(server, { address: 'b:4222', version: '2.9.10' })
    await expect(reconnected()).rejects.toThrow('the NATS server at b:4222 is of version 2.9.10')
    Object.assign(server, { version: '2.11.11' })
    await expect(reconnected()).rejects.toThrow('cannot be reached')
  })
})

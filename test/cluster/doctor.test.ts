import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Finding } from '../../src/cli/doctor/findings.ts'
import type { ConfigInput } from '../../src/config/schema.ts'
import { NatsServer } from '../support/nats-server.ts'
import { RedisSentinels } from '../support/redis-sentinels.ts'
import { RedisCluster, type RedisServer } from '../support/redis-server.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { CLUSTER_SECRET, startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { run } from '../unit/cli/fake-terminal.ts'

/** `sluice doctor` at a real deployment: a node, nats-server and redis-server as they come. */

const PAGE_OF_NATS = readFileSync(new URL('../../docs/nats.md', import.meta.url), 'utf8')

let cluster: StartedCluster
const directory = temporaryDirectory('doctor')

beforeAll(async () => {
  cluster = await startCluster(1)
})
afterAll(async () => {
  directory.remove()
  await cluster.close()
})

async function seen(
  settings: object = {},
): Promise<{ code: number; of: (what: string) => Finding | undefined }> {
  const [node] = cluster.nodes as [StartedNode]
  const file = join(directory.path, 'sluice.json')
  writeFileSync(
    file,
    JSON.stringify({
      ...{
        host: '127.0.0.1',
        port: node.port,
        api: { port: node.apiPort, keys: ['ops:admin:a-key-of-32-characters-or-more-'] },
      },
      ...{ auth: { jwtSecret: node.secret }, node: { clusterSecret: CLUSTER_SECRET } },
      ...{ nats: { url: [cluster.nats.url] }, redis: { url: [cluster.redis.url] } },
      ...settings,
    }),
  )
  const { code, out } = await run(['doctor', file, '--json'])
  const findings = JSON.parse(out) as Finding[]
  return { code, of: (what) => findings.find((one) => one.what.startsWith(what)) }
}

it('finds a node, NATS and Redis well, and warns of what a restart of Redis loses', async () => {
  const { of } = await seen()
  for (const what of [
    'public listener',
    'second listener',
    'NATS',
    'NATS permissions',
    'Redis',
    'clock of Redis',
  ])
    expect(of(what), what).toMatchObject({ status: 'ok' })
  expect(of('Redis persistence')).toMatchObject({ status: 'warn', change: expect.any(String) as string })
  expect(of('WebSocket handshake')).toBeUndefined()
})

it('fails where servers do not answer, and where Redis drops what it was given', async () => {
  cluster.redis.command('config', 'set', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')
  const { code, of } = await seen({ nats: { url: ['nats://127.0.0.1:1'] }, port: 1 })
  expect(code).toBe(1)
  expect(of('NATS')).toMatchObject({ status: 'fail' })
  expect(of('public listener')).toMatchObject({ status: 'fail' })
  expect(of('Redis maxmemory-policy')).toMatchObject({ status: 'fail' })
})

it('tries what a node says and hears over NATS as its user, names what is not allowed, and leaves nothing there', async () => {
  const [, permissions = ''] = /```conf\n([\s\S]*?)```/.exec(PAGE_OF_NATS) ?? []
  // The nodes' user of the page, without what acknowledgements and what concerns all nodes take.
  const narrow = /GATEWAY = \{[\s\S]*?\n {2}\}/
    .exec(permissions)?.[0]
    .replace('GATEWAY', 'NARROW')
    .replace('"$KV.sluice-acks.>",', '')
    .replace('subscribe: ["sluice.>"]', 'subscribe: { allow: ["sluice.>"], deny: ["sluice.all"] }') as string
  const users = '{ user: narrow, password: "narrow-password", permissions: $NARROW }'
  const nats = await NatsServer.start(undefined, [
    permissions.replace('users = [', `${narrow}\n  users = [\n    ${users}`),
  ])
  const as = (user: string): object => ({
    nats: { url: [`nats://${user}:${user}-password@127.0.0.1:${nats.port}`] },
    namespaces: { jobs: { delivery: 'durable' } },
  })
  const node = await cluster.join(as('gateway') as ConfigInput)
  try {
    await node.publish({ channel: 'jobs:1', data: 'kept' })
    const stored = async (): Promise<unknown> => (await nats.monitor('/jsz?streams=1&config=1'))['messages']
    const before = await stored()
    expect((await seen(as('gateway'))).of('NATS permissions')).toMatchObject({ status: 'ok' })
    const { code, of } = await seen(as('narrow'))
    expect(code).toBe(1)
    expect(of('NATS permissions')).toMatchObject({
      status: 'fail',
      says: 'may not publish to $KV.sluice-acks.*; may not subscribe to sluice.all',
    })
    expect((await seen(as('publisher'))).of('NATS carries')).toMatchObject({ status: 'fail' })
    expect(await stored()).toBe(before)
    expect(await node.metric('sluice_packet_refusals_total{why="bare"}')).toBe(0)
  } finally {
    await node.close()
    await nats.stop()
  }
})

it('reads the settings of Sentinels, and of each server behind them', async () => {
  const redis = await RedisSentinels.start(20_000, ['g1'])
  try {
    const settings = {
      redis: { url: redis.urls, sentinel: { user: 'g1', password: 'any' } },
    }
    redis.replica.command('config', 'set', 'maxmemory-policy', 'volatile-lru')
    const first = await seen(settings)
    const primary = `127.0.0.1:${redis.primary.port}`
    expect(first.of('Redis primary')).toMatchObject({ status: 'ok', says: primary })
    expect(first.of('Redis Sentinels')).toMatchObject({ status: 'ok', says: '3' })
    expect(first.of('Sentinel quorum')).toMatchObject({ status: 'ok', says: '2 of 3' })
    expect(first.of('Sentinel down-after-milliseconds')).toMatchObject({ status: 'warn' })
    expect(first.of('Redis replicas')).toMatchObject({ status: 'ok', says: '1' })
    expect(first.of('Redis min-replicas-to-write')).toMatchObject({ status: 'warn' })
    expect(first.of(`Redis ${primary} maxmemory-policy`)).toMatchObject({ status: 'ok' })
    expect(first.of(`Redis 127.0.0.1:${redis.replica.port} maxmemory-policy`)).toMatchObject({
      status: 'warn',
      says: expect.stringContaining('volatile-lru') as string,
    })

    redis.pause(2)
    await redis.replica.kill()
    const second = await seen(settings)
    expect(second.code).toBe(1)
    const [, , silent] = redis.urls.map((url) => new URL(url).host)
    expect(second.of(`Redis Sentinel ${silent}`)).toMatchObject({ status: 'fail' })
    expect(second.of(`Redis 127.0.0.1:${redis.replica.port}`)).toMatchObject({ status: 'fail' })
    redis.resume(2)
  } finally {
    await redis.stop()
  }
})

it('reads the settings of each server of a Redis Cluster', async () => {
  const redis = await RedisCluster.start()
  try {
    const [one] = redis.servers as readonly [RedisServer]
    one.command('config', 'set', 'cluster-require-full-coverage', 'yes')
    const { of } = await seen({ redis: { url: redis.urls } })
    expect(of('Redis Cluster')).toMatchObject({ status: 'ok', says: 'whole, 3 masters' })
    expect(of('Redis Cluster replicas')).toMatchObject({ status: 'warn' })
    expect(of('cluster-node-timeout')).toMatchObject({ status: 'ok', says: '2000 ms' })
    expect(of('cluster-require-full-coverage')).toMatchObject({
      status: 'warn',
      says: expect.stringContaining(`yes at 127.0.0.1:${one.port}:`) as string,
    })
    one.command('config', 'set', 'appendonly', 'yes', 'appendfsync', 'always')
    const kept = (await seen({ redis: { url: redis.urls } })).of(`Redis 127.0.0.1:${one.port} persistence`)
    expect(kept).toMatchObject({ status: 'ok' })
    for (const { port } of redis.servers)
      expect(of(`Redis 127.0.0.1:${port} maxmemory-policy`)).toMatchObject({ status: 'ok' })
    for (const { port } of redis.servers)
      expect(of(`Redis 127.0.0.1:${port} persistence`)).toMatchObject({ status: 'warn' })
  } finally {
    await redis.stop()
  }
})

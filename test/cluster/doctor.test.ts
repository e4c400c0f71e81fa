import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Finding } from '../../src/cli/doctor/findings.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { CLUSTER_SECRET, startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { run } from '../unit/cli/fake-terminal.ts'

/** `sluice doctor` at a real deployment: a node, nats-server and redis-server as they come. */

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

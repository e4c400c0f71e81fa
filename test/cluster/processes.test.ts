import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { NatsServer } from '../support/nats-server.ts'
import { RawClient } from '../support/raw-client.ts'
import { RedisServer } from '../support/redis-server.ts'
import { portsInARow, ServerProcess, temporaryDirectory } from '../support/server-process.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** `sluice serve --workers 2` and `sluice status`, as an operator runs them. */

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
const API_KEY = 'a-key-for-tests-only'

let nats: NatsServer
let redis: RedisServer
let workers: ServerProcess
let port: number
let apiPort: number

beforeAll(async () => {
  ;[nats, redis] = await Promise.all([NatsServer.start(), RedisServer.start()])
  ;[port, apiPort] = (await portsInARow(3)) as [number, number]
  const directory = temporaryDirectory('workers')
  const config = join(directory.path, 'workers.json')
  // A busy machine is not what this is about.
  writeFileSync(config, JSON.stringify({ admission: { maxLoopLag: 0 } }))
  workers = await ServerProcess.start({
    program: process.execPath,
    install: 'Node.js',
    args: [
      ...[COMMAND, 'serve', '--config', config, '--workers', '2'],
      ...['--port', String(port), '--api-port', String(apiPort)],
    ],
    env: {
      SLUICE_HOST: '127.0.0.1',
      SLUICE_NATS_URL: nats.url,
      SLUICE_REDIS_URL: redis.url,
      SLUICE_CLUSTER_SECRET: 'a-secret-that-the-nodes-of-a-test-share',
      SLUICE_JWT_SECRET: SECRET,
      SLUICE_API_KEYS: `tests:publish+admin:${API_KEY}`,
      SLUICE_VERSION: '1.4.2',
      SLUICE_REGION: 'eu',
    },
    ready: 'the node is ready',
  })
  directory.remove()
})
afterAll(async () => {
  await workers.stop()
  await Promise.all([nats.stop(), redis.stop()])
})

async function nodes(): Promise<readonly NodeInfo[]> {
  const response = await fetch(`http://127.0.0.1:${apiPort}/v1/nodes`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  })
  const { nodes: all } = (await response.json()) as { readonly nodes: readonly NodeInfo[] }
  return all.filter(({ state }) => state === 'active')
}

async function run(...words: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [COMMAND, ...words], {
    env: { ...process.env, SLUICE_API_URL: `http://127.0.0.1:${apiPort}`, SLUICE_API_KEY: API_KEY },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (output += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describe('two workers', () => {
  it('share the public port, and are two nodes of one gateway', async () => {
    await expect.poll(async () => (await nodes()).length).toBe(2)
    const token = await mintToken({ secret: SECRET, sub: 'ann', subscribe: ['*'], publish: [] }, systemClock)
    const seen = new Set<unknown>()
    const clients: RawClient[] = []
    // The kernel chooses; with this many, each worker has had one.
    for (let i = 0; i < 200 && seen.size < 2; i++) {
      const { client, welcome } = await RawClient.connect(`ws://127.0.0.1:${port}/v1/ws`, { token })
      seen.add(welcome['node'])
      clients.push(client)
      await client.request({ type: 'subscribe', ref: 1, channel: 'news' })
    }
    expect(seen.size).toBe(2)
    expect((await run('publish', 'news', '"to all"')).code).toBe(0)
    for (const client of clients) expect(await client.next('message')).toMatchObject({ data: 'to all' })
    for (const client of clients) client.cut()
  })
})

describe('sluice status', () => {
  it('shows every node, from any of them', async () => {
    const { code, output } = await run('status')
    const lines = output.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^NODE +REGION +VERSION +ROLE +STATE +CONNECTIONS/)
    for (const { id } of await nodes()) {
      expect(lines.find((line) => line.startsWith(id))).toMatch(/ eu +1\.4\.2 +all +active .* ok$/)
    }
    expect(lines.at(-1)).toMatch(/^2 nodes, /)
    expect(code).toBe(0)
  })

  it('as JSON, for a script', async () => {
    const { output } = await run('status', '--json')
    expect((JSON.parse(output) as { nodes: NodeInfo[] }).nodes.map(({ version }) => version)).toEqual([
      '1.4.2',
      '1.4.2',
    ])
  })

  it('says what a node does without, and fails', async () => {
    await redis.kill()
    await nats.kill()
    await expect.poll(async () => (await run('status')).code, { interval: 200 }).toBe(1)
    await nats.restart()
    await redis.restart()
    await expect.poll(async () => (await run('status')).code, { interval: 200 }).toBe(0)
  })
})

describe('workers that are told to stop', () => {
  it('do not wait for one another: everybody is closed with 1012, and the command ends with 0', async () => {
    const directory = temporaryDirectory('workers')
    // A table of nodes in which nobody else is.
    const table = await RedisServer.start()
    onTestFinished(async () => {
      await table.stop()
      directory.remove()
    })
    const [shared, first] = (await portsInARow(3)) as [number, number]
    const file = join(directory.path, 'sluice.json')
    const settings = {
      host: '127.0.0.1',
      port: shared,
      // Nobody would hear of anything in time by heartbeats alone, and nothing is to be waited for either.
      cluster: { heartbeat: '1m', nodeTtl: '5m' },
      drain: { deregisterDelay: '10m' },
      nats: { url: [nats.url] },
      redis: { url: [table.url] },
      node: { clusterSecret: 'a-secret-that-the-nodes-of-a-test-share' },
      auth: { jwtSecret: SECRET },
      api: { port: first, keys: [`tests:publish+admin:${API_KEY}`] },
    }
    writeFileSync(file, JSON.stringify(settings))
    const pair = await ServerProcess.start({
      program: process.execPath,
      install: 'Node.js',
      args: [COMMAND, 'serve', '--workers', '2', '--config', file],
      ready: 'the node is ready',
    })
    await expect.poll(() => pair.output.split('the node is ready').length - 1).toBe(2)
    const token = await mintToken({ secret: SECRET, sub: 'ann', subscribe: ['*'], publish: [] }, systemClock)
    const { client } = await RawClient.connect(`ws://127.0.0.1:${shared}/v1/ws`, { token })
    expect(await pair.stop()).toBe(0)
    expect(await client.closed).toMatchObject({ code: 1012 })
  })
})

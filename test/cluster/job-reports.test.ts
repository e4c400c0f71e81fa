import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EventStream } from '../support/event-stream.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { run } from '../unit/cli/fake-terminal.ts'
import type { JobView } from '../../src/drain/job-view.ts'

/** What became of whom is there when the nodes have gone. */

let cluster: StartedCluster
let stays: StartedNode

beforeAll(async () => {
  cluster = await startCluster(1, {
    drain: { plan: '200ms', deregisterDelay: '0ms', closeSpread: '0ms', linger: '0ms' },
    heartbeat: { retryMin: '50ms', retryMax: '100ms' },
    node: { version: '2', generation: 2 },
  })
  ;[stays] = cluster.nodes as [StartedNode]
})
afterAll(() => cluster.close())

const sluice = (node: StartedNode, ...words: readonly string[]): ReturnType<typeof run> =>
  run(words, { SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`, SLUICE_API_KEY: node.apiKey })

const old = (): Promise<StartedNode> => cluster.join({ node: { version: '1', generation: 1, region: 'eu' } })

/** A stream that goes on elsewhere when it is told to. */
async function streamFrom(node: StartedNode, user: string): Promise<{ readonly done: Promise<void> }> {
  const token = await node.token(user)
  const at = (port: number, cursor?: string): Promise<EventStream> =>
    EventStream.open(
      `http://127.0.0.1:${port}/v1/sse?channels=news&token=${token}`,
      cursor === undefined ? {} : { 'last-event-id': cursor },
    )
  const stream = await at(node.port)
  await stream.next('welcome')
  const done = stream.next('closing').then(async ({ id }) => {
    const back = await at(stays.port, id ?? '')
    await back.next('welcome')
    back.close()
  })
  return { done }
}

const jobs = async (): Promise<readonly { readonly id: string; readonly state: string }[]> =>
  ((await (await stays.api('GET', '/v1/drains')).json()) as { jobs: { id: string; state: string }[] }).jobs

it('a drain of a region is reported when all its nodes have gone: who asked, why, and what became of whom', async () => {
  const nodes = [await old(), await old()]
  const moved = await Promise.all(nodes.map((node, index) => streamFrom(node, `ann${index}`)))
  const directory = temporaryDirectory('report')
  const file = join(directory.path, 'drain.json')
  const words = ['drain', '--region', 'eu', '--over', '1s', '--reason', 'a new version']
  // As of their last heartbeat.
  await expect
    .poll(async () => (await sluice(stays, ...words, '--dry-run')).out)
    .toMatch(/^drain of region eu: 2 clients of 2 nodes, 1 at a time, plan 1s/)
  expect(await jobs()).toEqual([])
  const { code, out, err } = await sluice(stays, ...words, '--report', file)
  expect({ code, err }).toMatchObject({ code: 0 })
  await Promise.all(moved.map(({ done }) => done))
  const report = JSON.parse(readFileSync(file, 'utf8')) as JobView
  directory.remove()
  expect(report).toMatchObject({
    kind: 'drain',
    state: 'done',
    by: 'tests',
    reason: 'a new version',
    what: 'region eu',
    target: '2',
    total: 2,
    remaining: 0,
    told: 2,
    moved: 2,
    resumed: 2,
    unseen: 0,
    forced: 0,
    movesPerClient: 1,
    transports: { sse: { told: 2, moved: 2 } },
  })
  expect(report.nodes.map(({ id, part }) => ({ id, part }))).toEqual(
    nodes.map(({ id }) => ({ id, part: 'gone' })),
  )
  expect(out).toContain(`${report.id}: drain of region eu, done`)
  expect(out).toContain('by tests (a new version), ')
  // They have gone; it is still there.
  await expect.poll(async () => (await sluice(stays, 'status')).out).not.toContain(nodes[1]?.id)
  const again = JSON.parse((await sluice(stays, 'report', '--json')).out) as JobView
  expect(again).toMatchObject({ id: report.id, told: 2, moved: 2 })
  expect((await sluice(stays, 'drains')).out).toMatch(
    new RegExp(`^${report.id} +done +region eu +tests `, 'm'),
  )
})

it('nodes that are told to stop by a signal are one report of their deploy', async () => {
  const nodes = [await old(), await old()]
  const moved = await Promise.all(nodes.map((node, index) => streamFrom(node, `bob${index}`)))
  for (const node of nodes) await node.drain()
  await Promise.all(moved.map(({ done }) => done))
  const [newest] = await jobs()
  expect(newest).toMatchObject({ id: 'deploy-2', state: 'done', by: 'signal', target: '2' })
  const report = JSON.parse((await sluice(stays, 'report', 'deploy-2', '--json')).out) as JobView
  expect(report.nodes.map(({ id, part, progress }) => ({ id, part, moved: progress?.moved }))).toEqual(
    nodes.map(({ id }) => ({ id, part: 'gone', moved: 1 })),
  )
  expect(report).toMatchObject({ told: 2, moved: 2, unseen: 0 })
})

it('a drain that is cancelled leaves the nodes that have not gone, and can be begun again', async () => {
  const node = await old()
  for (const user of ['cat', 'dan', 'eve']) {
    const { done } = await streamFrom(node, user)
    // They end with the node, at whatever moment.
    done.catch(() => undefined)
  }
  await sluice(stays, 'drain', node.id, '--over', '1h')
  const [begun] = await jobs()
  const id = begun?.id ?? ''
  const part = async (): Promise<unknown> =>
    ((await (await stays.api('GET', `/v1/drains/${id}`)).json()) as { job: JobView }).job.nodes[0]?.part
  await expect.poll(part).toBe('moving')
  expect(await sluice(stays, 'drain', node.id, '--over', '2h')).toMatchObject({ code: 0 })
  expect((await sluice(stays, 'drain', node.id, '--pause')).err).toContain('paused')
  expect((await sluice(stays, 'drain', id, '--cancel')).code).toBe(0)
  await expect.poll(part).toBe('stayed')
  const watched = await sluice(stays, 'drain', '--watch', id)
  expect(watched).toMatchObject({ code: 1, err: expect.stringContaining(`${id} was cancelled`) as string })
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)).status).toBe(200)
  expect((await sluice(stays, 'drain', node.id, '--now', '--watch')).code).toBe(0)
})

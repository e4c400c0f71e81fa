import { afterEach, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { comesTo, patientDuration } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { startCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'
import { Traffic } from '../support/traffic.ts'
import type { JobView } from '../../src/drain/job-view.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** A drain of a whole region, whose nodes go one after the other, and which outlives whoever leads it. */

const CLIENTS = 90

let fleet: Fleet | undefined
let traffic: Traffic | undefined

afterEach(async () => {
  await traffic?.close()
  await fleet?.close()
  traffic = fleet = undefined
})

async function start(nodes: number): Promise<readonly FleetNode[]> {
  fleet = await Fleet.start({
    nodes,
    started: 0,
    settings: {
      namespaces: { '*': { max: 10_000 } },
      drain: { plan: '2s', deregisterDelay: '300ms', grace: patientDuration(10_000), linger: '1s' },
    },
  })
  return fleet.nodes
}

async function tableOf(node: FleetNode): Promise<readonly NodeInfo[]> {
  return ((await (await node.api('GET', '/v1/nodes')).json()) as { nodes: readonly NodeInfo[] }).nodes
}

async function idOf(node: FleetNode): Promise<string> {
  const { id } = (await tableOf(node)).find(({ address }) => address.endsWith(`:${node.apiPort}`)) as NodeInfo
  return id
}

async function jobAt(node: FleetNode, id: string): Promise<JobView> {
  const answer = await node.api('GET', `/v1/drains/${id}`)
  const { job } = (await answer.json()) as { job: JobView }
  expect(answer.status).toBe(200)
  return job
}

const partsOf = (job: JobView): Record<string, string> =>
  Object.fromEntries(job.nodes.map(({ id, part }) => [id, part]))

describe('a drain of a region', () => {
  it('goes on when the node that leads it is killed in the middle, moves nobody twice, and is watched from elsewhere', async () => {
    const nodes = await start(5)
    for (const [index, node] of nodes.entries())
      await node.start({ node: { region: index < 3 ? 'eu' : 'us' } })
    traffic = await Traffic.start(fleet as Fleet, {
      clients: CLIENTS,
      channels: ['room:1', 'room:2'],
      perSecond: 10,
      kinds: ['sdk'],
    })
    const ids = new Map<FleetNode, string>()
    for (const node of nodes) ids.set(node, await idOf(node))
    const asked = nodes[4] as FleetNode
    const answer = await asked.api('POST', '/v1/drains', { region: 'eu', plan: '6s', reason: 'a test' })
    const { job } = (await answer.json()) as { job: JobView }
    expect(job).toMatchObject({
      state: 'running',
      by: 'tests',
      reason: 'a test',
      what: 'region eu',
      parallel: 1,
    })
    expect(job.nodes.map(({ id }) => id)).toEqual(nodes.slice(0, 3).map((node) => ids.get(node)))

    const leaders = (): FleetNode[] =>
      nodes.filter(({ output }) => output.includes('the node leads the jobs of the cluster'))
    await expect.poll(async () => (await jobAt(asked, job.id)).told).toBeGreaterThan(0)
    const [led] = leaders() as [FleetNode]
    await led.kill()
    const witness = led === asked ? (nodes[3] as FleetNode) : asked
    const seen: JobView[] = []
    await comesTo(async () => {
      const now = await jobAt(witness, job.id)
      seen.push(now)
      // Slow is not wrong, as long as it goes on.
      return now.state === 'done' ? 'done' : `${now.state}, ${now.told} told`
    }, 'done')

    // Another one has led it to its end.
    expect(leaders().filter((node) => node !== led)).not.toEqual([])
    const done = seen.at(-1) as JobView
    const parts = partsOf(done)
    for (const node of nodes.slice(0, 3)) {
      const part = parts[ids.get(node) as string]
      if (node === led) expect(['left', 'lost']).toContain(part)
      else expect(part).toBe('gone')
    }
    for (const { nodes: all } of seen)
      expect(all.filter(({ part }) => part === 'called' || part === 'moving').length).toBeLessThanOrEqual(1)
    // What those who are alive have told has moved, and was moved once.
    const alive = done.nodes.filter(({ part }) => part === 'gone')
    for (const { progress } of alive)
      expect(progress).toMatchObject({ state: 'gone', forced: 0, unseen: 0, moved: progress?.told })
    // The balancer may show a client nodes of the job again and again (it prefers the emptiest); then it is let in there.
    expect(done.movesPerClient).toBeLessThanOrEqual(1.15)
    await traffic.stopPublishing()
    await comesTo(() => traffic?.missing, 0)
    const { lost, twice, outOfOrder, resets } = traffic.tally()
    expect({ lost, twice, outOfOrder, resets }).toEqual({ lost: 0, twice: 0, outOfOrder: 0, resets: 0 })
    // Those of the node that was killed were without one; all others have moved in time.
    expect(traffic.journeys('sdk').moves).toBeGreaterThan(0)
    // All others have stopped by themselves.
    for (const node of nodes.slice(0, 3)) await expect.poll(() => node.ready()).toBe(false)
  })
})

it('a node that waits for its turn in a job is not ready while another one of its region stays, nor when the job is paused or over', async () => {
  const cluster = await startCluster(3, { cluster: { heartbeat: '100ms' }, drain: { deregisterDelay: '1m' } })
  try {
    const [first, second, stays] = cluster.nodes as [StartedNode, StartedNode, StartedNode]
    const ready = async (node: StartedNode): Promise<string> =>
      (await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)).text()
    await expect.poll(() => ready(second)).toContain('"ok":true')
    const nodes = [first.id, second.id]
    const asked = await stays.api('POST', '/v1/drains', { nodes, plan: '5m' })
    const { job } = (await asked.json()) as { job: JobView }
    const waits = `${job.id} will move its clients, and node ${stays.id} of its region stays`
    await expect.poll(() => ready(second)).toContain(waits)
    await expect.poll(() => ready(first)).toContain('draining')
    expect(await ready(stays)).toContain('"ok":true')
    const change = (to: object): Promise<Response> => stays.api('POST', `/v1/drains/${job.id}`, to)
    expect((await change({ paused: true })).status).toBe(200)
    await expect.poll(() => ready(second)).toContain('"ok":true')
    expect((await change({ paused: false })).status).toBe(200)
    await expect.poll(() => ready(second)).toContain(waits)
    expect((await stays.api('DELETE', `/v1/drains/${job.id}`)).status).toBeLessThan(300)
    await expect.poll(() => ready(second)).toContain('"ok":true')
  } finally {
    await cluster.close()
  }
})

it('a node that joins where rebalance.auto is on has the others give it its share, and takes it', async () => {
  const cluster = await startCluster(1, { rebalance: { auto: true }, cluster: { heartbeat: '100ms' } })
  const clients: RawClient[] = []
  try {
    const [full] = cluster.nodes as [StartedNode]
    for (let index = 0; index < 20; index++) {
      const token = await full.token(`user-${index}`)
      clients.push((await RawClient.connect(`ws://127.0.0.1:${full.port}/v1/ws`, { token })).client)
    }
    const joined = await cluster.join()
    const jobs = async (): Promise<readonly object[]> =>
      ((await (await full.api('GET', '/v1/drains')).json()) as { jobs: readonly object[] }).jobs
    await expect.poll(jobs).toMatchObject([
      {
        kind: 'rebalance',
        by: 'rebalance.auto',
        reason: `node ${joined.id} has joined`,
        nodes: [{ id: full.id }],
      },
    ])
    // It asks ten of them to go, over five minutes: the first is told at once.
    await expect.poll(() => full.metric('sluice_reconnects_asked_total{reason="move"}')).toBeGreaterThan(0)
  } finally {
    for (const client of clients) client.cut()
    await cluster.close()
  }
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { Traffic } from '../support/traffic.ts'
import { comesTo, patientDuration } from '../support/patience.ts'
import type { DrainProgress } from '../../src/drain/drain.ts'
import { packageVersion } from '../../src/package-version.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** Nodes are replaced under traffic, and nobody notices. */

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const CHANNELS = Array.from({ length: 20 }, (_, index) => `room:${index}`)
const CLIENTS = 300
/** Of nodes that no version is said of. */
const OLD = packageVersion()

let fleet: Fleet | undefined
let traffic: Traffic | undefined

afterEach(async () => {
  await traffic?.close()
  await fleet?.close()
  traffic = fleet = undefined
})

async function start(): Promise<{ nodes: readonly FleetNode[]; fleet: Fleet; traffic: Traffic }> {
  fleet = await Fleet.start({
    nodes: 3,
    // The third one is there to take the place of the first.
    started: 2,
    settings: {
      // Nobody is closed only because this process, with all its clients, has not been given the processor.
      // Who is away for long because of that finds everything in the log: neither its length nor its age ends that.
      namespaces: { '*': { max: 10_000, ttl: '1h' } },
      drain: {
        plan: '25%/500ms',
        deregisterDelay: '300ms',
        grace: patientDuration(30_000),
        linger: patientDuration(1000),
      },
      // A node waits for word of its last clients for that long beside the rest: they all live in this one process.
      heartbeat: { retryMax: patientDuration(10_000) },
    },
  })
  traffic = await Traffic.start(fleet, { clients: CLIENTS, channels: CHANNELS, perSecond: 40 })
  return { nodes: fleet.nodes, fleet, traffic }
}

async function tableOf(node: FleetNode): Promise<readonly NodeInfo[]> {
  return ((await (await node.api('GET', '/v1/nodes')).json()) as { nodes: readonly NodeInfo[] }).nodes
}

async function idOf(node: FleetNode): Promise<string> {
  const found = (await tableOf(node)).find(({ address }) => address.endsWith(`:${node.apiPort}`))
  return (found as NodeInfo).id
}

/** None of the SDK's clients was without a connection; else it is said what they were told, and what the nodes complained of. */
function withoutGaps(running: Traffic): void {
  const { gapsMs, complaints } = running.journeys('sdk')
  const logged = fleet?.nodes.flatMap(({ output }) =>
    output.split('\n').filter((line) => /"level":"(?:warn|error)"|drain/.test(line)),
  )
  expect(gapsMs, [...complaints, ...(logged ?? [])].join('\n')).toEqual([])
}

async function settled(running: Traffic): Promise<void> {
  await running.stopPublishing()
  await comesTo(() => running.missing, 0)
  const tally = running.tally()
  const { moves, gapsMs } = running.journeys('sdk')
  console.log('drain', { clients: CLIENTS, ...tally, moves, gaps: gapsMs.length })
  const { lost, twice, outOfOrder, resets } = tally
  expect({ lost, twice, outOfOrder, resets }).toEqual({ lost: 0, twice: 0, outOfOrder: 0, resets: 0 })
}

interface Report {
  readonly nodes: readonly { readonly id: string; readonly progress: DrainProgress }[]
  readonly movesPerClient: number
}

async function sluice(
  node: FleetNode,
  ...words: readonly string[]
): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [COMMAND, ...words], {
    env: { ...process.env, SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`, SLUICE_API_KEY: node.apiKey },
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (out += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out }
}

describe('a drain', () => {
  it('by SIGTERM moves everybody make-before-break, loses nothing, and exits with 0', async () => {
    const { nodes, traffic: running } = await start()
    const [first, , third] = nodes as [FleetNode, FleetNode, FleetNode]
    await third.start({ node: { version: '2' } })
    expect(await first.stop()).toBe(0)
    await settled(running)
    const { moves, clients } = running.journeys('sdk')
    withoutGaps(running)
    expect(moves).toBeGreaterThan(0)
    // The other old node has sent those who move on to the new one: who was moved once is not moved again.
    expect(moves).toBeLessThanOrEqual(clients)
    // Pollers have no session between two polls.
    await expect.poll(() => third.metric('sluice_sessions')).toBeGreaterThan(CLIENTS / 6)
  })

  it('from the command line is watched to its end, and reported', async () => {
    const { nodes, traffic: running } = await start()
    const [first, second, third] = nodes as [FleetNode, FleetNode, FleetNode]
    await third.start({ node: { version: '2' } })
    const id = await idOf(first)
    const report = join(mkdtempSync(join(tmpdir(), 'sluice-report-')), 'drain.json')
    // Asked at another node than the one that is drained.
    const { code, out } = await sluice(
      second,
      'drain',
      id.slice(0, 8),
      '--batch',
      '50%',
      '--every',
      '400ms',
      '--report',
      report,
    )
    expect(out).toContain('CLIENTS')
    expect(code).toBe(0)
    const { nodes: drained, movesPerClient } = JSON.parse(readFileSync(report, 'utf8')) as Report
    expect(drained).toMatchObject([{ id, progress: { state: 'gone', forced: 0, unseen: 0 } }])
    expect(movesPerClient).toBe(1)
    const { websocket, sse, poll } = (drained[0] as Report['nodes'][number]).progress.transports
    // Of every transport each who was told is known to be elsewhere, with nothing missing.
    for (const counts of [websocket, sse, poll]) {
      // A poll that is answered before anybody is asked finds another node by itself.
      if (counts !== poll) expect(counts?.told).toBeGreaterThan(0)
      if (counts !== undefined)
        expect(counts).toMatchObject({ moved: counts.told, resumed: counts.told, unseen: 0 })
    }
    expect(websocket?.gaps?.maxMs).toBe(0)
    expect(sse?.gaps?.p50Ms).toBeGreaterThan(0)
    // While they were away, messages went on.
    expect(sse?.replayed).toBeGreaterThan(0)
    expect(sse?.overlapped).toBe(0)
    await expect.poll(async () => (await tableOf(second)).map((node) => node.id)).not.toContain(id)
    await settled(running)
    withoutGaps(running)
  })

  it('of all nodes of a version moves each client about once, streams too, and reports how often', async () => {
    const { nodes, traffic: running } = await start()
    const [, , third] = nodes as [FleetNode, FleetNode, FleetNode]
    await third.start({ node: { version: '2' } })
    const report = join(mkdtempSync(join(tmpdir(), 'sluice-report-')), 'drain.json')
    const { code, out } = await sluice(third, 'drain', '--version', OLD, '--over', '2s', '--report', report)
    expect(out).toContain('moves per client')
    expect(code).toBe(0)
    const { nodes: drained, movesPerClient } = JSON.parse(readFileSync(report, 'utf8')) as Report
    expect(drained).toHaveLength(2)
    expect(
      drained.map(({ progress }) => progress.unseen),
      JSON.stringify(drained, null, 1),
    ).toEqual([0, 0])
    expect(movesPerClient).toBeLessThan(1.2)
    await settled(running)
    for (const kind of ['sdk', 'sse'] as const) {
      const { clients, moves, gapsMs } = running.journeys(kind)
      // A stream that came to the old node that was left has been sent on to the new one.
      expect(kind === 'sdk' ? moves : gapsMs.length).toBeLessThan(clients * 1.2)
    }
  })

  it('can be paused, cancelled half way and begun again; the node takes clients again in between', async () => {
    const { nodes, traffic: running } = await start()
    const [first, second] = nodes as [FleetNode, FleetNode]
    const id = await idOf(first)
    const ready = async (): Promise<number> => (await first.api('GET', '/readyz')).status
    expect((await sluice(second, 'drain', id, '--batch', '10%', '--every', '1s')).code).toBe(0)
    await expect.poll(ready).toBe(503)
    expect((await sluice(second, 'drain', id, '--pause')).out).toContain('paused')
    const before = await first.metric('sluice_sessions')
    expect((await sluice(second, 'drain', id, '--cancel')).code).toBe(0)
    await expect.poll(ready).toBe(200)
    expect(before).toBeGreaterThan(0)
    expect((await sluice(second, 'drain', id, '--now', '--watch')).code).toBe(0)
    await settled(running)
  })

  it('cancelled half way, and then rolled back to the old version by a drain of the new one, loses nothing', async () => {
    const { nodes, traffic: running } = await start()
    const [first, second, third] = nodes as [FleetNode, FleetNode, FleetNode]
    await third.start({ node: { version: '2' } })
    const [old, fresh] = [await idOf(first), await idOf(third)]
    await sluice(second, 'drain', old, '--batch', '25%', '--every', '500ms')
    await expect.poll(async () => third.metric('sluice_sessions')).toBeGreaterThan(0)
    expect((await sluice(second, 'drain', old, '--cancel')).code).toBe(0)
    const { code } = await sluice(second, 'drain', fresh, '--over', '2s', '--watch')
    expect(code).toBe(0)
    await settled(running)
    withoutGaps(running)
    await expect.poll(async () => (await tableOf(second)).map(({ version }) => version)).toEqual([OLD, OLD])
  })

  it('rebalance moves clients to a node that has just joined, and loses nothing', async () => {
    const { nodes, traffic: running } = await start()
    const [first, , third] = nodes as [FleetNode, FleetNode, FleetNode]
    await third.start()
    await expect
      .poll(async () => (await tableOf(first)).filter(({ state }) => state === 'active').length)
      .toBe(3)
    const { code, out } = await sluice(first, 'rebalance', '--over', '3s', '--watch')
    expect(out).toContain('MOVED')
    expect(code).toBe(0)
    await settled(running)
    withoutGaps(running)
    // They were told while the command ran; the last of them may still be on their way.
    await expect.poll(() => third.metric('sluice_sessions')).toBeGreaterThanOrEqual(CLIENTS / 10)
    expect((await tableOf(first)).filter(({ state }) => state === 'active').length).toBe(3)
  })

  it('of all nodes at once ends: they do not wait for one another, and nobody else is left', async () => {
    const { nodes, traffic: running } = await start()
    await running.stopPublishing()
    expect(await Promise.all(nodes.slice(0, 2).map((node) => node.stop()))).toEqual([0, 0])
  })

  it('that does not run cannot be paused, and none begins by that', async () => {
    const { nodes } = await start()
    const [first] = nodes as [FleetNode]
    const id = await idOf(first)
    for (const paused of [true, false]) {
      const answer = await first.api('POST', `/v1/nodes/${id}/drain`, { paused })
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ error: { message: 'no drain is under way on this node' } })
    }
    expect((await tableOf(first)).map(({ state }) => state)).toEqual(['active', 'active'])
  })

  it('waits while the others do not take it well, and says why', async () => {
    const { nodes, fleet: running } = await start()
    const [first, second] = nodes as [FleetNode, FleetNode]
    const id = await idOf(first)
    await running.nats.kill()
    await expect
      .poll(async () => (await tableOf(second)).every(({ degraded }) => degraded.includes('backbone')))
      .toBe(true)
    await first.api('POST', `/v1/nodes/${id}/drain`, { plan: '50%/200ms' })
    const holding = async (): Promise<string | undefined> =>
      ((await (await first.api('GET', `/v1/nodes/${id}/drain`)).json()) as { drain: { holding?: string } })
        .drain.holding
    await expect.poll(holding).toContain('backbone')
    await running.nats.restart()
    await expect.poll(async () => (await tableOf(second)).map((node) => node.id)).not.toContain(id)
  })
})

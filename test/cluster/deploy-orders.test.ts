import { afterAll, beforeAll, expect, it } from 'vitest'
import { run } from '../unit/cli/fake-terminal.ts'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { Traffic } from '../support/traffic.ts'
import type { NodeInfo } from '../../src/registry/registry.ts'

/** Which way clients go in a deploy, when a pod restarts in the middle of it, when it is taken back, and when one is kept out. */

const CLIENTS = 60

let fleet: Fleet
let traffic: Traffic
let old: FleetNode
let current: FleetNode
let restarted: FleetNode

beforeAll(async () => {
  fleet = await Fleet.start({
    nodes: 3,
    started: 1,
    settings: { drain: { plan: '1s', deregisterDelay: '300ms', grace: '15s', linger: '1s' } },
  })
  ;[old, current, restarted] = fleet.nodes as [FleetNode, FleetNode, FleetNode]
  traffic = await Traffic.start(fleet, {
    clients: CLIENTS,
    channels: ['room:1', 'room:2'],
    perSecond: 5,
    kinds: ['sdk'],
  })
})
afterAll(async () => {
  await traffic.close()
  await fleet.close()
})

const sockets = (node: FleetNode): Promise<number> => node.metric('sluice_connections{transport="websocket"}')

const sluice = (node: FleetNode, ...words: readonly string[]): ReturnType<typeof run> =>
  run(words, { SLUICE_API_URL: `http://127.0.0.1:${node.apiPort}`, SLUICE_API_KEY: node.apiKey })

async function infoOf(node: FleetNode): Promise<NodeInfo> {
  const { nodes } = (await (await current.api('GET', '/v1/nodes')).json()) as { nodes: readonly NodeInfo[] }
  return nodes.find(
    ({ address, state }) => address.endsWith(`:${node.apiPort}`) && state !== 'closing',
  ) as NodeInfo
}

const ready = async (node: FleetNode): Promise<string> =>
  ((await (await fetch(`http://127.0.0.1:${node.apiPort}/readyz`)).json()) as { reason: string }).reason

it('an old pod that restarts in the middle of a deploy does not turn it round', async () => {
  await current.start({ node: { version: '2' } })
  // Of the version that goes, and started last.
  await restarted.start()
  expect((await infoOf(restarted)).startedAt).toBeGreaterThan((await infoOf(current)).startedAt)
  expect(await old.stop()).toBe(0)
  await expect.poll(async () => (await sockets(current)) + (await sockets(restarted))).toBe(CLIENTS)
  // The balancer may show a client the same node so often that it is not turned away again; then it is let in there.
  expect(await sockets(current)).toBeGreaterThan(CLIENTS * 0.8)
  expect(traffic.journeys('sdk').moves).toBe(CLIENTS)
})

it('a rollback is said, and clients go the other way', async () => {
  expect((await sluice(restarted, 'target', '0')).out).toContain('clients go to 0')
  await expect.poll(async () => (await sluice(current, 'target')).out).toContain('clients go to 0 (tests, ')
  await old.start()
  // One more of the version that is taken back, so that there is a choice.
  const id = (await infoOf(current)).id
  expect((await sluice(old, 'cordon', '--version', '2')).out).toMatch(/^version 2 is cordoned \(tests, /)
  await expect.poll(() => ready(current)).toBe('the node is cordoned: version 2, by tests')
  expect((await sluice(old, 'status')).out).toMatch(new RegExp(`^${id} .* cordoned `, 'm'))
  expect(current.output).toContain('the node is cordoned')
  await sluice(old, 'drain', id, '--over', '1s')
  await expect.poll(async () => (await sockets(old)) + (await sockets(restarted))).toBe(CLIENTS)
  await expect.poll(() => current.ready()).toBe(false)
})

it('a node that is cordoned stays out when it is started again, until it is let in', async () => {
  await current.stop()
  await current.start({ node: { version: '2' } })
  expect(await ready(current)).toBe('the node is cordoned: version 2, by tests')
  const started = await fetch(`http://127.0.0.1:${current.apiPort}/startupz`)
  expect(started.status).toBe(200)
  const { id } = await infoOf(restarted)
  // By its address, and its clients go to the one node that is left.
  await sluice(current, 'drain', id, '--cordon', '--over', '1s')
  await expect.poll(() => sockets(old)).toBe(CLIENTS)
  await restarted.stop()
  await restarted.start()
  expect(await ready(restarted)).toMatch(/^the node is cordoned: address .*, by tests$/)
  expect((await sluice(current, 'uncordon', '--version', '2')).out).toMatch(/^address .* is cordoned/)
  await expect.poll(() => ready(current)).toBe('ok')
  const again = await sluice(current, 'uncordon', '--version', '2')
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is not cordoned') as string })
  expect((await sluice(current, 'uncordon', (await infoOf(restarted)).id)).out).toBe('nothing is cordoned')
  await expect.poll(() => ready(restarted)).toBe('ok')
  expect((await sluice(current, 'target', '--clear')).out).toBe('clients go to what was deployed last')
  await traffic.stopPublishing()
  await expect.poll(() => traffic.missing).toBe(0)
  const { twice, outOfOrder, resets } = traffic.tally()
  expect({ twice, outOfOrder, resets }).toEqual({ twice: 0, outOfOrder: 0, resets: 0 })
})

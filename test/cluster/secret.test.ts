import { afterEach, describe, expect, it } from 'vitest'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

/** A wrong secret is no failure before NATS is away, and then it is too late: so it is told before. */

let cluster: StartedCluster | undefined

afterEach(() => cluster?.close())

interface Part {
  readonly status: string
  readonly detail?: string
}

const links = async (node: StartedNode): Promise<Part> => {
  const deep = (await (await node.api('GET', '/healthz/deep')).json()) as { parts: { links: Part } }
  return deep.parts.links
}

describe('a node with another secret', () => {
  it('is found at the start by all nodes, and its links are counted where they are refused and where they are opened', async () => {
    cluster = await startCluster(2)
    const [one, two] = cluster.nodes as [StartedNode, StartedNode]
    await expect.poll(() => links(one)).toMatchObject({ status: 'ok' })
    const other = await cluster.join({ node: { clusterSecret: 'a-secret-that-only-this-node-knows' } })
    for (const node of [one, two]) {
      await expect.poll(() => links(node)).toMatchObject({ status: 'degraded' })
      expect((await links(node)).detail).toContain(other.id)
    }
    await expect.poll(() => links(other)).toMatchObject({ status: 'degraded' })
    for (const node of [one, two]) expect((await links(other)).detail).toContain(node.id)
    // It is no reason to send clients elsewhere.
    expect((await fetch(`http://127.0.0.1:${other.apiPort}/readyz`)).status).toBe(200)
    // Nobody but the nodes needs the proof.
    expect(await (await one.api('GET', '/v1/nodes')).text()).not.toContain('proof')

    await cluster.nats.kill()
    const refused = (node: StartedNode, direction: string): Promise<number> =>
      node.metric(`sluice_mesh_refusals_total{direction="${direction}",why="secret"}`)
    await expect.poll(() => refused(other, 'out')).toBeGreaterThan(0)
    await expect.poll(() => refused(other, 'in')).toBeGreaterThan(0)
    await expect.poll(() => refused(one, 'in')).toBeGreaterThan(0)
    await expect.poll(() => refused(one, 'out')).toBeGreaterThan(0)
    expect(await other.metric('sluice_mesh_links')).toBe(0)
    await expect.poll(() => one.metric('sluice_mesh_links')).toBe(1)
  })
})

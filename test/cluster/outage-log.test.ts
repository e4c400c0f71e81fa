import { afterEach, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { RawClient } from '../support/raw-client.ts'

/** What an operator reads of an outage. */

interface Line {
  readonly level: string
  readonly msg: string
  readonly failures?: number
}

let fleet: Fleet | undefined

afterEach(() => fleet?.close())

describe('the log of a node', () => {
  it('tells an outage of Redis in one line when it begins and one when it ends, without stacks', async () => {
    fleet = await Fleet.start({ nodes: 1 })
    const node = fleet.nodes[0] as FleetNode
    const { client } = await RawClient.connect(`ws://127.0.0.1:${node.port}/v1/ws`, {
      token: await fleet.token('ann'),
    })
    const lines = (): Line[] =>
      node.output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Line)
    const count = (op: string, result: string): Promise<number> =>
      node.metric(`sluice_registry_ops_total{op="${op}",result="${result}"}`)
    const before = lines().length

    await fleet.redis.kill()
    client.cut()
    await expect.poll(() => count('release', 'error')).toBe(1)
    await expect.poll(() => count('heartbeat', 'error')).toBeGreaterThan(5)
    const beats = await count('heartbeat', 'ok')
    await fleet.redis.restart()
    await expect.poll(() => count('heartbeat', 'ok')).toBeGreaterThan(beats + 1)
    const told = lines()
      .slice(before)
      .filter(({ msg }) => !/^(?:a part of the node|a connection|after a restart of Redis)/.test(msg))
    expect(told.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'Redis is away'],
      ['info', 'Redis is connected'],
    ])
    expect(told[1]?.failures).toBeGreaterThan(5)
    expect(node.output).not.toContain('"stack"')
  })
})

/**
 * A real Prometheus with the alerts of deploy/prometheus, looking at a running cluster in which something is wrong for a while: each alert
 * comes, and goes when all is well again. The pace is that of a test; what alerts ask for is what is deployed. Those that take longer are made
 * by `npm run storm -- alerts`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../support/alerts/fault.ts'
import { IN_TURN, SIDE_BY_SIDE } from '../support/alerts/faults.ts'
import { AlertWatch } from '../support/alerts/watch.ts'
import { AlertWorld } from '../support/alerts/world.ts'
import { programOr } from '../support/program.ts'

const prometheusProgram = programOr('prometheus', 'apt-get install prometheus')
const HURRY = { forS: () => 1, windowS: () => 5 }

describe.skipIf(prometheusProgram.missing !== undefined)(
  `alerts in a cluster${prometheusProgram.note}`,
  () => {
    let world: AlertWorld
    let watch: AlertWatch

    beforeAll(async () => {
      world = await AlertWorld.start()
      watch = await AlertWatch.start(world.jobs, HURRY)
    })
    afterAll(async () => {
      await watch?.close()
      await world?.close()
    })

    async function comesAndGoes({ makes, begin }: Fault): Promise<void> {
      const names = makes.map(({ alert }) => alert)
      await expect.poll(() => watch.onOf(makes), { interval: 500 }).toEqual([])
      const end = await begin(world)
      // One may be over before another one begins.
      const came = new Set<string>()
      await expect
        .poll(
          async () => {
            for (const name of await watch.onOf(makes)) came.add(name)
            return names.filter((name) => !came.has(name))
          },
          { interval: 500 },
        )
        .toEqual([])
      await end()
      await expect.poll(() => watch.onOf(makes), { interval: 500 }).toEqual([])
    }

    it('come side by side for what goes wrong side by side, and go', async () => {
      const targets = Object.values(world.jobs).flat()
      expect(targets).toHaveLength(5)
      // What is there at the first look is no increase.
      await expect.poll(() => watch.looksAt(targets.length), { interval: 300 }).toBe(true)
      await Promise.all(SIDE_BY_SIDE.map(comesAndGoes))
    })

    it.each(IN_TURN.map((fault) => [fault.what, fault] as const))('%s: they come, and go', (_what, fault) =>
      comesAndGoes(fault),
    )
  },
)

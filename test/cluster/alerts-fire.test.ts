/**
 * A real Prometheus with the alerts of deploy/prometheus, looking at a running cluster in which something is wrong for a while: each alert
 * comes, and goes when all is well again. The pace is that of a test; what alerts ask for is what is deployed. Those that take longer are made
 * by `npm run storm -- alerts`. An ordinary day goes on meanwhile, and each panel of the dashboards is asked afterwards what it has shown.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../support/alerts/fault.ts'
import { IN_TURN, SIDE_BY_SIDE } from '../support/alerts/faults.ts'
import { anOrdinaryDay } from '../support/alerts/ordinary-day.ts'
import { AlertWatch } from '../support/alerts/watch.ts'
import { AlertWorld } from '../support/alerts/world.ts'
import { dashboards, legendOf, panelsOf, questionsOf, showsOnlyWhatHappens } from '../support/dashboards.ts'
import { programOr } from '../support/program.ts'

const prometheusProgram = programOr('prometheus', 'apt-get install prometheus')
/** What none of these faults does, or not surely; it is asked for, and may be nothing. */
const QUIET = [
  'sluice_tails_given_up_total',
  'sluice_slow_consumers_total',
  'sluice_ephemeral_dropped_total',
  'sluice_deaf',
  'sluice_durable_trouble',
  'sluice_reconnects_asked_total',
  'sluice_refusals_total{reason="outdated"}',
  'sluice_protocol_errors_total{code="internal"}',
  'sluice_drain_moves_total{result="closed"}',
  'sluice_feed_gaps_total',
  'sluice_feed_repairs_total',
  'sluice_webhook',
  'sluice_hook_decisions_total',
]
/** Whatever a panel does not show on so many days it does not show. */
const DAYS_MAX = 3
const HURRY = { forS: () => 1, windowS: () => 5 }

/** Minutes and weeks are seconds here. */
function inThisTest(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5s').replaceAll(/\[7d:\d+[mh]\]/g, '[7d:1s]')
}

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

    async function comesAndGoes({ makes, shows, begin }: Fault): Promise<void> {
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
      if (shows !== undefined)
        await expect.poll(() => watch.historyOf(shows), { interval: 500 }).not.toEqual([])
      await end()
      await expect.poll(() => watch.onOf(makes), { interval: 500 }).toEqual([])
    }

    it('come side by side for what goes wrong side by side, and go', async () => {
      const targets = Object.values(world.jobs).flat()
      expect(targets).toHaveLength(5)
      // What is there at the first look is no increase.
      await expect.poll(() => watch.looksAt(targets.length), { interval: 300 }).toBe(true)
      const restOfTheDay = await anOrdinaryDay(world)
      await Promise.all([restOfTheDay(), ...SIDE_BY_SIDE.map(comesAndGoes)])
    })

    it.each(IN_TURN.map((fault) => [fault.what, fault] as const))('%s: they come, and go', (_what, fault) =>
      comesAndGoes(fault),
    )

    /** Which panels have shown nothing, or only zeros. */
    async function silentOf(questions: readonly { title: string; expr: string }[]): Promise<string[]> {
      const silent: string[] = []
      for (const { title, expr } of questions) {
        // Whatever node it is that something has happened to.
        const series = await watch.historyOf(inThisTest(expr.replaceAll('="$instance"', '=~".+"')))
        const values = series.flatMap((one) => one.values)
        const mayBeQuiet = QUIET.some((what) => expr.includes(what))
        const isEmpty = values.length === 0 && !showsOnlyWhatHappens(expr)
        if (mayBeQuiet ? isEmpty : values.every((value) => value === 0)) silent.push(`${title}: ${expr}`)
      }
      return silent
    }

    describe.each(dashboards())('meanwhile the dashboard %s', (_file, dashboard) => {
      const node = (): string => world.jobs['sluice']?.[0] as string

      it('has shown what went on, in each of its panels', async () => {
        const markers = dashboard.annotations.list.map(({ expr }) => ({ title: 'a marker', expr }))
        const questions = [...questionsOf(dashboard), ...markers]
        let silent = await silentOf(questions)
        // On a busy machine a moment may be over between two looks of Prometheus. There is another one on another day.
        for (let days = 1; silent.length > 0 && days < DAYS_MAX; days++) {
          console.log(`day ${days} has left empty`, silent)
          const restOfTheDay = await anOrdinaryDay(world)
          await restOfTheDay()
          silent = await silentOf(questions)
        }
        expect(silent).toEqual([])
      })

      it('has a name of its own for each line', async () => {
        for (const { title, questions } of panelsOf(dashboard)) {
          const names: string[] = []
          for (const { expr, legendFormat = '' } of questions) {
            const series = await watch.historyOf(inThisTest(expr.replaceAll('$instance', node())))
            names.push(...series.map(({ labels }) => legendOf(legendFormat, labels)))
          }
          expect(new Set(names).size, `${title}: ${names.join()}`).toBe(names.length)
        }
      })

      it('has nodes to choose from, where it asks for one', async () => {
        const [, metric, label] =
          /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(dashboard.templating)) ?? []
        const asks = JSON.stringify(dashboard).includes('$instance')
        const found = metric === undefined ? [] : await watch.valuesOf(label as string, metric)
        expect(found.includes(node())).toBe(asks)
      })
    })
  },
)

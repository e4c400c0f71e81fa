import { afterEach, describe, expect, it } from 'vitest'
import { newerNats } from '../support/nats-server.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { judge } from './judge.ts'
import { bestPlace, hindranceOf } from './place.ts'
import type { Planned, Round } from './plan.ts'
import { run, type RunOptions } from './run.ts'
import type { Summary } from './summary.ts'

/** Short runs of `npm run torture`, with faults that have broken something before. What is right is up to the checker alone. */

const place = bestPlace()
const hindrance = hindranceOf(place) ?? newerNats().missing

let ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.toReversed()) end()
  ends = []
})

function round(seconds: number, ...faults: readonly string[]): Round {
  const planned = faults.map((fault, index): Planned => ({
    fault,
    gateway: index === 0 ? 'g2' : 'g3',
    nats: index === 0 ? 'n2' : 'n1',
    sentinel: 's1',
  }))
  return { faults: planned, seconds }
}

async function tortured(options: Pick<RunOptions, 'rounds' | 'replicas' | 'sentinels'>, signal: AbortSignal) {
  const directory = temporaryDirectory('torture')
  const output: string[] = []
  const summary = await judge(
    await run(
      {
        place,
        directory: directory.path,
        seed: 7,
        natsProgram: newerNats().program,
        clients: 20,
        perSecond: 20,
        forMs: Infinity,
        say: (line) => output.push(line),
        ...options,
      },
      signal,
    ),
  )
  // What is wrong is found out from the history.
  if (summary.violations.length === 0) ends.push(() => directory.remove())
  return { summary, where: `${output.join('\n')}\nin ${directory.path}` }
}

function sentencesOf({ violations }: Summary): string[] {
  return violations.map(({ rule, at, text }) => `${rule}, at ${at} ms: ${text}`)
}

describe.skipIf(hindrance !== undefined)(
  `a cluster under a network that lies${hindrance ? ` (${hindrance})` : ''}`,
  () => {
    it.skipIf(place === 'loopback')(
      'loses nothing without a word: Redis with Sentinels, three replicas of each durable message',
      async ({ signal }) => {
        const rounds = [
          round(6, 'gateway-deaf-to-redis', 'gateway-deaf-to-nats'),
          round(6, 'drain'),
          round(14, 'split-brain-with-nats-whole'),
        ]
        const { summary, where } = await tortured({ rounds, replicas: 3, sentinels: true }, signal)
        expect(sentencesOf(summary), where).toEqual([])
        expect(summary.rounds.flatMap(({ names }) => names)).toHaveLength(4)
        expect(summary.totals.confirmed).toBeGreaterThan(0)
        expect(summary.totals.shown).toBeGreaterThan(summary.totals.confirmed)
      },
    )

    it('loses nothing without a word: one Redis, durable messages at one server', async ({ signal }) => {
      const rounds = [
        round(5, 'gateway-without-nats-and-gateways'),
        round(5, 'killed-nats', 'killed-gateway'),
        round(3, 'restarted-primary'),
      ]
      const { summary, where } = await tortured({ rounds, replicas: 1, sentinels: false }, signal)
      expect(sentencesOf(summary), where).toEqual([])
      expect(summary.rounds.flatMap(({ names }) => names)).toHaveLength(4)
      expect(summary.totals.shown).toBeGreaterThan(summary.totals.confirmed)
    })
  },
)

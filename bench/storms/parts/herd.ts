/**
 * The clients of a storm: most of them awake, 5 % that sleep (their processes are stopped for a while, as phones are, and
 * go on later), and 2 % that never move, whatever they are asked.
 */
import { fileURLToPath } from 'node:url'
import { Child } from '../../lib/child.ts'
import type { Journey, Outcome, JoinOrder, Published } from './herd-terms.ts'
import { countPath, emptyJourney } from './journeys.ts'
import type { Kind } from '../../../test/support/members.ts'
import { emptyTally, type Tally } from '../../../test/support/tally.ts'

const PROGRAM = fileURLToPath(new URL('client-process.ts', import.meta.url))
const KINDS: readonly Kind[] = ['sdk', 'sse', 'websocket', 'sdk', 'sse', 'poll']
const STILL_SHARE = 0.02
const ASLEEP_SHARE = 0.05
const SLEEPER_PROCESSES = 2
/** Of ordinary clients, of whom each has something to do all the time. */
const PER_PROCESS = 2000
const STEP_TIMEOUT_MS = 600_000
/** Shorter than messages are kept (60 s), so that nothing is missing when one wakes up. */
const ASLEEP_MS = { least: 20_000, most: 40_000 }
const AWAKE_MS = { least: 5000, most: 15_000 }
const SETTLE_LOOK_MS = 1000
/** Nobody has been shown anything more for so long: what is missing is lost. */
const SETTLE_LOOKS = 20

type Group = 'awake' | 'asleep' | 'still'

interface Company {
  readonly group: Group
  readonly process: Child
  readonly order: JoinOrder
}

export interface HerdOptions {
  readonly clients: number
  readonly channels: readonly string[]
  readonly port: number
  readonly nodes?: JoinOrder['nodes']
  /** Default: of all kinds. */
  readonly kinds?: readonly Kind[]
  readonly perProcess?: number
  /** Those who never move. Default: 2 %. */
  readonly stillShare?: number
}

export interface HerdOutcome {
  /** Of everybody, but for what those have missed who never come back. */
  readonly tally: Tally
  /** Of those who neither sleep nor stay. */
  readonly resetsAwake: number
  readonly journeys: Readonly<Record<Group, Readonly<Record<Kind, Journey>>>>
}

export class Herd {
  readonly size: number
  readonly #companies: readonly Company[]
  #sleeping = true
  readonly #asleep = new Set<Child>()
  readonly #pauses = new Set<() => void>()

  private constructor(companies: readonly Company[]) {
    this.#companies = companies
    this.size = companies.reduce((sum, { order }) => sum + order.count, 0)
  }

  /** Resolves once everybody has a position on each of his channels. */
  static async join(options: HerdOptions): Promise<Herd> {
    const herd = new Herd(companiesOf(options))
    await Promise.all(herd.#companies.map(({ process, order }) => process.step('join', order)))
    return herd
  }

  /** From now on those who sleep do so again and again, until `wake`. */
  async sleepInTurns(): Promise<void> {
    const between = ({ least, most }: typeof AWAKE_MS): number => least + Math.random() * (most - least)
    const sleepers = this.#companies.filter(({ group }) => group === 'asleep')
    await Promise.all(
      sleepers.map(async ({ process }) => {
        while (this.#sleeping) {
          process.pause()
          this.#asleep.add(process)
          await this.#pause(between(ASLEEP_MS))
          process.resume()
          this.#asleep.delete(process)
          await this.#pause(between(AWAKE_MS))
        }
      }),
    )
  }

  wake(): void {
    this.#sleeping = false
    for (const process of this.#asleep) process.resume()
    for (const wake of this.#pauses) wake()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer)
        this.#pauses.delete(over)
        resolve()
      }
      const timer = setTimeout(over, ms)
      this.#pauses.add(over)
    })
  }

  async outcome(published: Published): Promise<HerdOutcome> {
    const tally = emptyTally()
    let resetsAwake = 0
    const journeys = {
      awake: emptyJourney(),
      asleep: emptyJourney(),
      still: emptyJourney(),
    }
    const outcomes = await Promise.all(
      this.#companies.map(({ process }) => process.step<Outcome>('outcome', published)),
    )
    for (const [index, { tally: own, journeys: went }] of outcomes.entries()) {
      const { group } = this.#companies[index] as Company
      addTally(tally, own, group)
      if (group === 'awake') resetsAwake += own.resets
      for (const [kind, journey] of Object.entries(went) as [Kind, Journey][])
        addJourney(journeys[group][kind], journey)
    }
    return { tally, resetsAwake, journeys }
  }

  /** Once nobody misses anything, or nobody has been shown anything more for a while. */
  async settled(published: Published): Promise<HerdOutcome> {
    let outcome = await this.outcome(published)
    for (let looks = 0; outcome.tally.lost > 0 && looks < SETTLE_LOOKS; looks++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_LOOK_MS))
      const next = await this.outcome(published)
      if (next.tally.lost < outcome.tally.lost) looks = 0
      outcome = next
    }
    return outcome
  }

  get pids(): readonly number[] {
    return this.#companies.map(({ process }) => process.pid)
  }

  async close(): Promise<void> {
    this.wake()
    await Promise.all(this.#companies.map(({ process }) => process.close()))
  }
}

function companiesOf(options: HerdOptions): Company[] {
  const { clients, channels, port, nodes, kinds = KINDS, perProcess = PER_PROCESS } = options
  const still = Math.round(clients * (options.stillShare ?? STILL_SHARE))
  const asleep = Math.round(clients * ASLEEP_SHARE)
  const companies: Company[] = []
  let from = 0
  const add = (group: Group, all: number, processes: number, who: readonly Kind[]): void => {
    for (let i = 0; i < processes; i++) {
      const count = Math.floor(all / processes) + (i < all % processes ? 1 : 0)
      if (count === 0) continue
      const process = new Child({
        program: PROGRAM,
        nodeOptions: ['--import', 'tsx'],
        stepTimeoutMs: STEP_TIMEOUT_MS,
      })
      const order = { from, count, kinds: who, channels, port, ...(nodes === undefined ? {} : { nodes }) }
      companies.push({ group, process, order })
      from += count
    }
  }
  add('still', still, 1, ['still'])
  add('asleep', asleep, SLEEPER_PROCESSES, kinds)
  add('awake', clients - still - asleep, Math.ceil((clients - still - asleep) / perProcess), kinds)
  return companies
}

function addTally(sum: Tally, own: Tally, group: Group): void {
  sum.shown += own.shown
  sum.twice += own.twice
  sum.outOfOrder += own.outOfOrder
  sum.resets += own.resets
  // They are closed, and never come back for the rest.
  if (group === 'still') return
  sum.expected += own.expected
  sum.lost += own.lost
}

function addJourney(sum: Journey, own: Journey): void {
  sum.clients += own.clients
  sum.moves += own.moves
  for (const [path, count] of Object.entries(own.paths)) countPath(sum.paths, path, count)
  sum.refusals += own.refusals
  sum.gaveUp += own.gaveUp
  sum.gapsMs.push(...own.gapsMs)
}

/** What can be asked on the command line. */
import { readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { newerNats } from '../support/nats-server.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { FAULTS, faultNamed } from './faults.ts'
import { judge } from './judge.ts'
import { minimise } from './minimise.ts'
import { bestPlace, hindranceOf, isPossible, PLACES } from './place.ts'
import { planOf, planOfNamed, type Planned, type Round } from './plan.ts'
import { run, type RunOptions } from './run.ts'
import { tableOf, totalLine, type Summary } from './summary.ts'

const OPTIONS = {
  seed: { type: 'string', default: '1' },
  minutes: { type: 'string', default: '10' },
  faults: { type: 'string' },
  plan: { type: 'string' },
  replicas: { type: 'string', default: '3' },
  network: { type: 'string' },
  redis: { type: 'string' },
  clients: { type: 'string', default: '40' },
  rate: { type: 'string', default: '40' },
  directory: { type: 'string' },
  check: { type: 'string' },
  minimise: { type: 'string' },
  tries: { type: 'string', default: '20' },
  markdown: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
} as const

const USAGE = `npm run torture -- [--seed N] [--minutes N] [--faults name,…] [--replicas 1|3]
  [--network namespaces|loopback] [--redis sentinels|single]
  [--clients N] [--rate N] [--directory D] [--markdown]
  --list          the faults
  --plan FILE     the rounds of a run that was (plan.json in its directory)
  --check FILE    judges a history (history.jsonl) again, and runs nothing
  --minimise FILE reruns a plan that fails with fewer and fewer faults, --tries times at most`

type Values = ReturnType<typeof valuesOf>

export async function torture(args: readonly string[]): Promise<number> {
  let values: Values
  try {
    values = valuesOf(args)
  } catch (error) {
    console.error(`torture: ${(error as Error).message}\n${USAGE}`)
    return 2
  }
  if (values.list) {
    for (const { name, what } of FAULTS) console.log(`${name.padEnd(36)}${what}`)
    return 0
  }
  if (values.check !== undefined) return report([await judge(values.check)], values.markdown)
  const hindrance = hindranceOf(values.place) ?? newerNats().missing
  if (hindrance !== undefined) {
    console.error(`torture: ${hindrance}`)
    return 2
  }
  const aborts = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => aborts.abort())
  try {
    if (values.minimise !== undefined) return await shrink(values, aborts.signal)
    const rounds = values.plan === undefined ? plannedFor(values) : roundsIn(values.plan)
    return report([await once(values, rounds, aborts.signal)], values.markdown)
  } catch (error) {
    if (!aborts.signal.aborted) throw error
    console.error('torture: interrupted')
    return 130
  }
}

function valuesOf(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  const number = (
    name: 'seed' | 'minutes' | 'replicas' | 'clients' | 'rate' | 'tries',
    least: number,
  ): number => {
    const value = Number(values[name])
    if (!(value >= least)) throw new Error(`--${name} is a number from ${least}, not ${values[name]}`)
    return value
  }
  const place = values.network === undefined ? bestPlace() : PLACES.find((one) => one === values.network)
  if (place === undefined) throw new Error(`--network is ${PLACES.join(' or ')}`)
  const redis = values.redis ?? (place === 'namespaces' ? 'sentinels' : 'single')
  if (!['sentinels', 'single'].includes(redis)) throw new Error('--redis is sentinels or single')
  const sentinels = redis === 'sentinels'
  if (sentinels && place === 'loopback')
    throw new Error('--redis is single on loopback: Sentinels know no proxies')
  const names = values.faults?.split(',') ?? FAULTS.map(({ name }) => name)
  const faults = names.map((name) => {
    const fault = faultNamed(name)
    if (fault === undefined)
      throw new Error(`--faults: there is no ${name}; --list shows those that there are`)
    return fault
  })
  const possible = faults.filter((fault) => isPossible(place, sentinels, fault))
  if (possible.length === 0)
    throw new Error('--faults: none of these can be made with this network and this Redis')
  return {
    ...values,
    seed: number('seed', 0),
    minutes: number('minutes', 0),
    replicas: number('replicas', 1),
    clients: number('clients', 2),
    rate: number('rate', 1),
    tries: number('tries', 1),
    place,
    sentinels,
    faults: possible,
    named: values.faults !== undefined,
  }
}

function plannedFor({ seed, minutes, faults, named }: Values): Round[] {
  const seconds = minutes * 60
  if (!named) return planOf(seed, faults, seconds)
  const turn = planOfNamed(seed, faults)
  const rounds: Round[] = []
  // Again and again, as long as there is time.
  for (let left = seconds; left > 0; left -= turn.reduce((sum, round) => sum + round.seconds, 0))
    rounds.push(...turn)
  return rounds
}

function roundsIn(file: string): Round[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Round[]
}

async function once(
  { seed, minutes, replicas, place, sentinels, clients, rate, directory: wanted }: Values,
  rounds: readonly Round[],
  signal: AbortSignal,
): Promise<Summary> {
  const directory = wanted ?? temporaryDirectory('torture').path
  const options: RunOptions = {
    directory,
    seed,
    rounds,
    natsProgram: newerNats().program,
    replicas,
    place,
    sentinels,
    clients,
    perSecond: rate,
    forMs: minutes * 60_000,
    say: (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
  }
  options.say(
    `seed ${seed}, ${replicas} replicas, Redis ${sentinels ? 'with Sentinels' : 'alone'}, ${place}, in ${directory}`,
  )
  const summary = await judge(await run(options, signal))
  if (wanted === undefined && summary.violations.length === 0) rmSync(directory, { recursive: true })
  return summary
}

async function shrink(values: Values, signal: AbortSignal): Promise<number> {
  const items = roundsIn(values.minimise as string)
  const fails = async (some: readonly Round[]): Promise<boolean> => {
    if (signal.aborted) throw new Error('interrupted')
    const summary = await once({ ...values, minutes: Infinity }, some, signal)
    console.log(`${some.length} rounds: ${summary.violations.length} violations`)
    return summary.violations.length > 0
  }
  const rounds = await minimise(items, fails, values.tries)
  // Then the faults that come together in a round.
  const parts = rounds.items.flatMap((round) => round.faults.map((fault) => ({ fault, round })))
  const rest = values.tries - rounds.tries
  const faults = rest > 0 ? await minimise(parts, (some) => fails(joined(some)), rest) : { items: parts }
  console.log(JSON.stringify(joined(faults.items), null, 2))
  return 1
}

function joined(parts: readonly { readonly fault: Planned; readonly round: Round }[]): Round[] {
  const rounds = new Set(parts.map(({ round }) => round))
  return [...rounds].map((round) => ({
    ...round,
    faults: parts.filter((part) => part.round === round).map(({ fault }) => fault),
  }))
}

/** Of each rule: what broke first says most, and one fault often breaks it a thousand times. */
const SHOWN = 6

function report(summaries: readonly Summary[], markdown: boolean): number {
  console.log(`\n${tableOf(summaries, markdown).join('\n')}\n`)
  const violations = summaries.flatMap((summary) => summary.violations)
  for (const broken of new Set(violations.map(({ rule }) => rule))) {
    const ofRule = violations.filter(({ rule }) => rule === broken)
    console.error(`${broken}: ${ofRule.length}`)
    for (const { at, text } of ofRule.slice(0, SHOWN)) console.error(`  at ${at} ms: ${text}`)
  }
  console.log(totalLine(summaries))
  return violations.length === 0 ? 0 : 1
}

/** Runs benchmarks and prints their ratios: `npm run bench -- --help` says how. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { broadcast } from './broadcast.ts'
import { cluster } from './cluster.ts'
import { compression } from './compression.ts'
import { connectStorm } from './connect-storm.ts'
import { crowd } from './crowd.ts'
import { encode } from './encode.ts'
import { hear } from './hear.ts'
import { idleMemory } from './idle-memory.ts'
import type { Bench, Outcome, RunOptions } from './lib/bench.ts'
import { ROUNDS } from './lib/commands.ts'
import { compile, compileGateway } from './lib/compile.ts'
import {
  acceptedLines,
  BASE_RUNS,
  baseOf,
  compare,
  reportLines,
  type Base,
  type Kept,
} from './lib/committed.ts'
import { keepBase, keepResult, readBases, readResult, writePage } from './lib/document.ts'
import { describeCommit, describeMachine } from './lib/machine.ts'
import { shownOf } from './lib/print.ts'
import { latency } from './latency.ts'
import { payloads } from './payloads.ts'
import { publish } from './publish.ts'
import { size } from './size.ts'
import { withRounds } from './lib/results.ts'
import { sse } from './sse.ts'
import { steady } from './steady.ts'
import { unicast } from './unicast.ts'
import { workers } from './workers.ts'
import { AS_MODULES, NCHAN_MODULE, type PeerName } from './peers/terms.ts'

const HELP = `npm run bench -- [NAMES] [OPTIONS]      measures, and writes docs/benchmarks.md (all of them where none is named)
npm run bench:quick -- [NAMES]          a shorter look while working; writes nothing
npm run bench:check -- [NAMES]          fails where a ratio is worse than what bench/results/check.json expects; writes nothing

  npm run bench -- broadcast sse        these two; the others on the page stay as they were
  npm run bench -- --list               which there are, and how long each round took when it was run last
  npm run bench -- --page               writes docs/benchmarks.md, its charts and what sizing reckons with again, from bench/results
  npm run bench:check -- --accept       runs each five times and keeps what it finds: from now on that is expected. Some seven minutes, on a machine that
                                        does nothing else

  --rounds N         of each, servers taking turns (5; in the quick form 2, in a check 1: what is worse then is run four times more, and all five decide)
  --peers A,B        these servers alone, raw-uws first: what others are compared with. Writes nothing
  --add              rounds more beside those that are kept in bench/results, of the same commit: a page can be made in pieces
  --profile          a CPU profile of the measured part of each server, in .tmp/bench/profiles. Writes nothing else
`

const BENCHES: readonly Bench[] = [
  broadcast,
  payloads,
  steady,
  unicast,
  publish,
  sse,
  latency,
  compression,
  idleMemory,
  connectStorm,
  encode,
  cluster,
  hear,
  workers,
  size,
  crowd,
]

const FLOOR: PeerName = 'raw-uws'

/** What is said of peers that are not installed. */
const missing = new Set<string>()
const ROUNDS_QUICK = 2
/** What looks worse in the first one is asked again, and the median of all decides: noise is not found twice. */
const ROUNDS_CHECK = 1
const ROUNDS_AGAIN = BASE_RUNS - ROUNDS_CHECK
/** Who is compared then: the gateway, with the floor or with itself. */
const PEERS_CHECK: readonly string[] = [FLOOR, 'sluice', 'sluice-cluster']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    add: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    peers: { type: 'string' },
    profile: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    accept: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) console.log(HELP)
else if (values.list) for (const bench of BENCHES) console.log(listLine(bench))
else if (values.page) writePage(BENCHES)
else await runAll(positionals.length === 0 ? benchesOfAll() : positionals.map(benchNamed))

function listLine(bench: Bench): string {
  const result = readResult(bench)
  const took =
    result === undefined
      ? 'no result is kept'
      : `${result.rounds} rounds of ${Math.ceil(result.tookSeconds / result.rounds)} s each, at ${result.commit}`
  return `${bench.name.padEnd(16)}${bench.title.padEnd(42)}${took}`
}

function benchesOfAll(): readonly Bench[] {
  return values.check ? BENCHES.filter(({ aside }) => aside !== true) : BENCHES
}

async function runAll(benches: readonly Bench[]): Promise<void> {
  refuseNonsense()
  // A profile tells rooms apart by their files.
  if (values.profile) process.env[AS_MODULES] = '1'
  const runs = benches.map((bench) => ({ bench, options: optionsFor(bench) }))
  const peers = new Set(runs.flatMap(({ options }) => options.peers))
  const programs = runs.flatMap(({ bench }) => bench.programs)
  await compile([...new Set(['load/main', ...programs, ...[...peers].map((peer) => `peers/${peer}`)])])
  if (peers.has('sluice') || peers.has('sluice-cluster')) await compileGateway()

  const machine = describeMachine()
  const commit = describeCommit()
  console.log(`${machine}; commit ${commit}`)
  for (const sentence of missing) console.log(sentence)
  // What is written down compares with everybody.
  const holds = values.check && !values.accept
  const kept = !values.quick && values.peers === undefined && !values.profile && !values.check
  const bases = readBases()
  const beganMs = performance.now()
  for (const { bench, options } of runs) {
    const benchBeganMs = performance.now()
    const outcome = holds ? await checkedOutcome(bench, options, bases[bench.name]) : await bench.run(options)
    const tookSeconds = (performance.now() - benchBeganMs) / 1000
    console.log(`\n# ${bench.title} (${tookSeconds.toFixed(0)} s)`)
    for (const { caption, lines } of shownOf(outcome.tables))
      console.log(`\n${caption}\n\n${lines.join('\n')}`)
    if (holds) report(bench, heldTo(bench, outcome, bases[bench.name]))
    if (values.accept) accept(bench, outcome, { commit, machine, tookSeconds })
    if (kept)
      keepResult(
        bench,
        { title: bench.title, outcome, rounds: options.rounds, machine, commit, tookSeconds },
        values.add,
      )
  }
  if (kept) writePage(BENCHES)
  console.log(`\n${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes in all`)
}

/** Before minutes are spent on it. */
function refuseNonsense(): void {
  if (!values.accept) return
  if (!values.check) throw new Error('--accept is of a check: npm run bench:check -- --accept')
  if (values.peers !== undefined || (roundsFrom(values.rounds) ?? BASE_RUNS) < BASE_RUNS)
    throw new Error(
      `what is expected comes of ${BASE_RUNS} rounds of every server: leave --rounds and --peers out`,
    )
}

function heldTo(bench: Bench, outcome: Outcome, base: Base | undefined): readonly Kept[] {
  return compare(outcome, base, readResult(bench)?.outcome)
}

async function checkedOutcome(bench: Bench, options: RunOptions, base: Base | undefined): Promise<Outcome> {
  const first = await bench.run(options)
  if (heldTo(bench, first, base).every(({ verdict }) => verdict !== 'WORSE')) return first
  return withRounds(first, await bench.run({ ...options, rounds: ROUNDS_AGAIN }))
}

/** As it goes on: what is found of the others is not lost where one fails. */
function accept(bench: Bench, outcome: Outcome, about: Omit<Base, 'rows'>): void {
  const base = baseOf(outcome, about)
  keepBase(bench, base)
  console.log(`\n${acceptedLines(bench.title, base).join('\n')}`)
}

/** The run ends with 1 where something is worse, or nobody knows what it was. */
function report({ name, title }: Bench, kept: readonly Kept[]): void {
  console.log(`\n${reportLines(name, title, kept).join('\n')}`)
  if (kept.some(({ verdict }) => verdict === 'WORSE' || verdict === 'NEW')) process.exitCode = 1
}

function optionsFor(bench: Bench): RunOptions {
  const wanted = values.peers?.split(',') ?? (values.check ? PEERS_CHECK : undefined)
  const unknown = wanted?.find((name) => !BENCHES.some(({ peers }) => peers.includes(name as PeerName)))
  if (unknown !== undefined) {
    throw new Error(`--peers: there is no server ${unknown}; there are ${broadcast.peers.join(', ')}`)
  }
  return {
    quick: values.quick,
    rounds: roundsFrom(values.rounds) ?? defaultRounds(),
    peers: bench.peers.filter((peer) => isHere(peer) && (wanted === undefined || wanted.includes(peer))),
    profile: values.profile,
    check: values.check,
  }
}

function defaultRounds(): number {
  if (values.check) return values.accept ? BASE_RUNS : ROUNDS_CHECK
  return values.quick ? ROUNDS_QUICK : ROUNDS
}

/** Without its package Nchan is left out, and said so once. */
function isHere(peer: PeerName): boolean {
  if (peer !== 'nchan' || existsSync(NCHAN_MODULE)) return true
  missing.add('Nchan is left out: apt install libnginx-mod-nchan')
  return false
}

function roundsFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const rounds = Number(text)
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a whole number from 1 on, not ${text}`)
  }
  return rounds
}

function benchNamed(name: string): Bench {
  const bench = BENCHES.find((one) => one.name === name)
  if (bench === undefined) {
    throw new Error(`there is no benchmark ${name}; there are ${BENCHES.map((one) => one.name).join(', ')}`)
  }
  return bench
}

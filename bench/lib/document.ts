/** docs/benchmarks.md, written from the last full run of each benchmark. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bench } from './bench.ts'
import { commandsText } from './commands.ts'
import type { Base } from './committed.ts'
import { chartLine, chartsOf, GROWTHS } from './charts.ts'
import { glanceSection } from './glance.ts'
import { measuredModule } from './measured.ts'
import { shownOf } from './print.ts'
import { joined, sectionOf, type Result } from './results.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGE = join(ROOT, 'docs', 'benchmarks.md')
/** What profiles say of it, by hand. */
const ACCOUNT = join(ROOT, 'bench', 'account.md')
const CHARTS = join(ROOT, 'docs', 'charts')
/** Committed with the page, so that whoever runs one benchmark writes the others as they were. */
const RESULTS = join(ROOT, 'bench', 'results')

const INTRODUCTION = `# Benchmarks

What Sluice costs beside raw uWebSockets.js (the library that it stands on, with nothing around it), ws, Socket.IO and Nchan, each of which does the
same work on the same machine in the same run: CPU time of the server, its memory, and how late messages are.

- **Read the ratios**: each is against raw uWebSockets.js in the same round, so that it means the same on another machine. The microseconds do not.
- **Get it again**: \`npm run bench\` on a Linux machine with two cores that does nothing else makes everything and writes this page; \`npm run bench -- broadcast\`
  makes one section. Each section ends with its command, the commit and the machine; \`npm run bench -- --help\` says what else there is.
- **Where to look**: one table of all, how the figures come about, then a section for each kind of work, and at the end
  [where a microsecond goes](#where-a-microsecond-goes) and [where a byte goes](#where-a-byte-goes).
`

const METHOD = `## How the figures come about

- The server is a process of its own on one core, the load a process on another. Both are started afresh for each
  round, and the servers that are compared take turns.
- The cost is the CPU time of the server's process, all its threads and the kernel's work for its system calls included, as the scheduler
  accounts for it. How long a run took, and whether the load was quick enough, does not enter into it.
- Shown are the median over the rounds and the best round. A ratio is the median of the rounds' ratios.
- raw uWebSockets.js is the floor: it checks no token, keeps no log and repairs nothing. Neither do ws and Socket.IO here.
  Sluice runs as \`sluice serve\` does, with the log, the registry and the backbone in its own memory, unless it says otherwise.
- A message of Sluice is longer than the bare payload that the others send: it carries the channel, the offset and the time, some 80
  bytes. One table of the broadcast compares with raw uWebSockets.js that sends as many.
- A node is measured alone, and as one that publishes through NATS and Redis (\`npm run bench -- cluster\`), and as one that hears what another node
  has published (\`npm run bench -- hear\`).

What happens to whole clusters (deploys, crashes, herds) is counted by \`npm run storm\`; see [operations](operations.md).
`

/** What `bench:check` holds a run to, by the name of the benchmark. */
const BASES = join(RESULTS, 'check.json')

/** As it is committed, or was written last. */
function readPage(): string {
  return readFileSync(PAGE, 'utf8')
}

/** `add`: to the rounds that are kept. */
export function keepResult(bench: Bench, result: Result, add: boolean): void {
  const earlier = add ? readResult(bench) : undefined
  mkdirSync(RESULTS, { recursive: true })
  const kept = earlier === undefined ? result : joined(earlier, result)
  writeFileSync(resultFile(bench), `${JSON.stringify(kept, null, 1)}\n`)
}

/** Of benchmarks that no result is kept of the page keeps what it has. */
export function writePage(benches: readonly Bench[]): void {
  const page = readPage()
  const results = benches.flatMap((bench) => readResult(bench) ?? [])
  const sections = benches.flatMap((bench) => {
    const result = readResult(bench)
    return (
      (result === undefined
        ? sectionOf(page, bench.title)?.trimEnd().concat('\n')
        : sectionText(bench, result)) ?? []
    )
  })
  writeFileSync(
    PAGE,
    [
      INTRODUCTION,
      glanceSection(results),
      METHOD,
      commandsText(results, readBases()),
      ...sections,
      readFileSync(ACCOUNT, 'utf8'),
    ].join('\n'),
  )
  writeCharts()
  writeMeasured()
}

/** Of what the page has, whoever has written it. */
export function writeCharts(): void {
  mkdirSync(CHARTS, { recursive: true })
  for (const [file, svg] of chartsOf(readPage())) writeFileSync(join(CHARTS, file), svg)
}

/** What sizing reckons with: `npm run docs:sizing` puts it into docs/sizing.md. */
export function writeMeasured(): void {
  writeFileSync(join(ROOT, 'src', 'cli', 'size', 'measured.ts'), measuredModule(readPage()))
}

function sectionText(bench: Bench, result: Result): string {
  const { outcome, rounds, machine, commit } = result
  const tables = shownOf(outcome.tables).map((shown) => {
    const growth = GROWTHS.find(({ title, caption }) => title === result.title && caption === shown.caption)
    const chart = growth === undefined ? '' : `\n${chartLine(growth)}\n`
    return `**${shown.caption}**\n\n${shown.lines.join('\n')}\n${chart}`
  })
  const origin = `\`npm run bench -- ${bench.name} --rounds ${rounds}\` at commit ${commit}, on ${machine}.`
  return `## ${result.title}\n\n${outcome.arrangement}\n\n${tables.join('\n')}\n${origin}\n`
}

export function readResult(bench: Bench): Result | undefined {
  return readKept(resultFile(bench)) as Result | undefined
}

export function readBases(): Readonly<Record<string, Base>> {
  return (readKept(BASES) ?? {}) as Readonly<Record<string, Base>>
}

/** Those of the other benchmarks stay. */
export function keepBase({ name }: Bench, base: Base): void {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(BASES, `${JSON.stringify({ ...readBases(), [name]: base }, null, 1)}\n`)
}

function readKept(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function resultFile(bench: Bench): string {
  return join(RESULTS, `${bench.name}.json`)
}

/**
 * What is written of a loop that stands still: a report, and a line that says where it is.
 */
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { redactText } from './redact.ts'
import { CELL, LAGS } from './watchdog-cells.ts'

export interface Stillness {
  readonly forMs: number
  /** Whose loop it is. */
  readonly pid: number
  readonly cells: Int32Array
  /** Where the report goes. */
  readonly directory: string
  /** Fields of the line in the log. */
  readonly bindings: object
  /** Where the line goes. */
  readonly output: number
  readonly rss: number
  /** What else is known. */
  readonly report: object
}

const KIB = 1024
/** A loop that stands still again and again fills no disk. */
export const REPORTS_MAX = 10

export function tell(still: Stillness): void {
  const { forMs, pid, bindings, output } = still
  const file = join(still.directory, `sluice-report-${pid}-${Date.now()}.json`)
  const thread = threadState(pid, pid)
  let written: object = { file }
  try {
    // What is in it is for operators: others on the machine need not read how the process is.
    writeFileSync(file, redactText(JSON.stringify(reportOf(still, thread), null, 1)), {
      mode: 0o600,
      flag: 'wx',
    })
  } catch (error) {
    written = { reason: `no report could be written: ${(error as Error).message}` }
  }
  const line = {
    ...{ level: 'error', time: new Date().toISOString(), ...bindings, forMs, ...thread, ...written },
    msg: 'the event loop stands still: nobody is served, and liveness is about to fail',
  }
  // As the log does, which the thread of the loop cannot write to now.
  writeSync(output, `${redactText(JSON.stringify(line))}\n`)
}

function reportOf({ forMs, cells, bindings, rss, report }: Stillness, mainThread: object): object {
  return {
    about: 'A gateway whose event loop has stood still: what could be known while it did.',
    at: new Date().toISOString(),
    ...bindings,
    stoodStillMs: forMs,
    mainThread,
    lagsMs: lastLags(cells),
    memory: {
      rss,
      heapUsed: Atomics.load(cells, CELL.heapUsed) * KIB,
      heapTotal: Atomics.load(cells, CELL.heapTotal) * KIB,
      external: Atomics.load(cells, CELL.external) * KIB,
    },
    report,
  }
}

/** The oldest first. */
function lastLags(cells: Int32Array): number[] {
  const next = Atomics.load(cells, CELL.next)
  const known = Math.min(next, LAGS)
  return Array.from({ length: known }, (_, i) => Atomics.load(cells, CELL.lags + ((next - known + i) % LAGS)))
}

/** Whether it computes (R), or waits for something and for what (D, S): Linux alone tells. */
export function threadState(pid: number, thread: number): object {
  try {
    const of = (file: string): string => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8')
    const state = /^State:\s+(\S)/m.exec(of('status'))?.[1]
    const fields = statFields(of('stat'))
    return { state, waitsIn: of('wchan'), userTicks: Number(fields[11]), systemTicks: Number(fields[12]) }
  } catch (error) {
    // A thread that has gone meanwhile, or a system without this.
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return {}
    throw error
  }
}

/** proc(5): from the third one on; the name before them may have anything in it. */
export function statFields(stat: string): string[] {
  return stat.replace(/^.*\) /s, '').split(' ')
}

/**
 * The thread of the watchdog: writes a report of a loop that stands still, and a line that says where it is.
 */
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { workerData } from 'node:worker_threads'
import { redactText } from './redact.ts'
import { Stall } from './stall.ts'
import { BEAT_MS, CELL, LAGS, type WatchdogOptions } from './watchdog.ts'

const { cells, stillMs, directory, bindings } = workerData as WatchdogOptions & { readonly cells: Int32Array }
const KIB = 1024
/** A loop that stands still again and again fills no disk. */
const REPORTS_MAX = 10

const stall = new Stall({ stillMs, everyMs: BEAT_MS }, performance.now())
let reports = 0

setInterval(() => {
  const forMs = stall.look(Atomics.load(cells, CELL.beat), performance.now())
  if (forMs === undefined || reports === REPORTS_MAX) return
  reports++
  tell(Math.round(forMs))
}, BEAT_MS)

function tell(forMs: number): void {
  const file = join(directory, `sluice-report-${process.pid}-${Date.now()}.json`)
  const thread = mainThread()
  let written: object = { file }
  try {
    // What is in it is for operators: others on the machine need not read how the process is.
    writeFileSync(file, redactText(JSON.stringify(reportOf(forMs, thread), null, 1)), {
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
  // As the log does, which the other thread cannot write to now.
  writeSync(1, `${redactText(JSON.stringify(line))}\n`)
}

function reportOf(forMs: number, thread: object): object {
  return {
    about: 'A gateway whose event loop has stood still: what could be known while it did.',
    at: new Date().toISOString(),
    ...bindings,
    stoodStillMs: forMs,
    mainThread: thread,
    lagsMs: lastLags(),
    memory: {
      rss: process.memoryUsage.rss(),
      heapUsed: Atomics.load(cells, CELL.heapUsed) * KIB,
      heapTotal: Atomics.load(cells, CELL.heapTotal) * KIB,
      external: Atomics.load(cells, CELL.external) * KIB,
    },
    report: plainReport(),
  }
}

/** The oldest first. */
function lastLags(): number[] {
  const next = Atomics.load(cells, CELL.next)
  const known = Math.min(next, LAGS)
  return Array.from({ length: known }, (_, i) => Atomics.load(cells, CELL.lags + ((next - known + i) % LAGS)))
}

/** Whether it computes (R), or waits for something and for what (D, S): Linux alone tells. */
function mainThread(): object {
  try {
    const of = (file: string): string => readFileSync(`/proc/self/task/${process.pid}/${file}`, 'utf8')
    const state = /^State:\s+(\S)/m.exec(of('status'))?.[1]
    const fields = of('stat')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state, waitsIn: of('wchan'), userTicks: Number(fields[11]), systemTicks: Number(fields[12]) }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT' || (error as { code?: unknown }).code === 'EACCES')
      return {}
    throw error
  }
}

/** Neither the environment nor the command line: keys may be in both. */
function plainReport(): object {
  const {
    environmentVariables: _environment,
    header,
    ...report
  } = process.report.getReport() as unknown as {
    readonly environmentVariables: unknown
    readonly header: Readonly<Record<string, unknown>>
  }
  const { commandLine: _command, ...head } = header
  return { header: head, ...report }
}

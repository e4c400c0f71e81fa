/**
 * The thread of the watchdog, where the C library cannot call a program: it looks whether the loop stands still.
 */
import { performance } from 'node:perf_hooks'
import { workerData } from 'node:worker_threads'
import { REPORTS_MAX, tell } from './stall-report.ts'
import { Stall } from './stall.ts'
import { BEAT_MS, CELL } from './watchdog-cells.ts'
import type { WatchdogOptions } from './watchdog.ts'

const { cells, stillMs, directory, bindings } = workerData as WatchdogOptions & { readonly cells: Int32Array }
const STDOUT = 1

const stall = new Stall({ stillMs, everyMs: BEAT_MS }, performance.now())
let reports = 0

setInterval(() => {
  const forMs = stall.look(Atomics.load(cells, CELL.beat), performance.now())
  if (forMs === undefined || reports === REPORTS_MAX) return
  reports++
  tell({
    ...{ forMs: Math.round(forMs), pid: process.pid, cells, directory, bindings, output: STDOUT },
    ...{ rss: process.memoryUsage.rss(), report: plainReport() },
  })
}, BEAT_MS)

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

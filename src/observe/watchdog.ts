/**
 * Notices that the event loop stands still before whoever asks `/livez` has the process ended for it, and writes down what
 * can be known: afterwards nobody can ask. A loop that stands still runs no timer, so a thread of its own looks; it costs about
 * 10 MB of memory for a process, and nothing for a connection.
 */
import { tmpdir } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../clock.ts'

export interface WatchdogOptions {
  /** A loop that has not turned for so long is reported. */
  readonly stillMs: number
  /** Where reports go; empty: the system's directory for temporary files. */
  readonly directory: string
  /** Fields of the line in the log. */
  readonly bindings: object
}

/** How often the loop shows that it turns, and the thread looks. */
export const BEAT_MS = 250
/** So many of the last lags are in a report: a quarter of a minute. */
export const LAGS = 64

/** Shared with the thread: the beat, the number of the next lag, the lags, and the heap in KiB. */
export const CELL = { beat: 0, next: 1, heapUsed: 2, heapTotal: 3, external: 4, lags: 5 } as const

/** Answers what ends it. The thread keeps no process alive. */
export function watch(
  options: WatchdogOptions,
  clock: Pick<Clock, 'monotonicMs' | 'every'>,
  failed: (error: unknown) => void,
): () => void {
  const cells = new Int32Array(new SharedArrayBuffer((CELL.lags + LAGS) * Int32Array.BYTES_PER_ELEMENT))
  const beating = beat(cells, clock)
  const directory = options.directory === '' ? tmpdir() : options.directory
  const worker = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
    workerData: { ...options, directory, cells },
    // What the command was started with is for the gateway.
    execArgv: [],
  })
  worker.unref()
  worker.on('error', failed)
  return () => {
    beating.cancel()
    void worker.terminate()
  }
}

function beat(cells: Int32Array, clock: Pick<Clock, 'monotonicMs' | 'every'>): Timer {
  let lastMs = clock.monotonicMs()
  Atomics.store(cells, CELL.beat, 1)
  return clock.every(BEAT_MS, () => {
    const nowMs = clock.monotonicMs()
    const at = Atomics.load(cells, CELL.next)
    Atomics.store(cells, CELL.lags + (at % LAGS), Math.max(0, Math.round(nowMs - lastMs - BEAT_MS)))
    Atomics.store(cells, CELL.next, at + 1)
    lastMs = nowMs
    const { heapUsed, heapTotal, external } = process.memoryUsage()
    Atomics.store(cells, CELL.heapUsed, heapUsed >> 10)
    Atomics.store(cells, CELL.heapTotal, heapTotal >> 10)
    Atomics.store(cells, CELL.external, external >> 10)
    Atomics.add(cells, CELL.beat, 1)
  })
}

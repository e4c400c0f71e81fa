/**
 * Notices that the event loop stands still before whoever asks `/livez` has the process ended for it, and writes down what
 * can be known: afterwards nobody can ask. A loop that stands still runs no timer, so the C library has one, which starts a program; where
 * it cannot, a thread looks, which costs a process about 10 MB of memory, needed or not.
 */
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { BEAT_MS, CELL, CELLS, LAGS } from './watchdog-cells.ts'
import { leaveBeats, leaveWatched } from './watchdog-file.ts'
import type { Clock, Timer } from '../clock.ts'

export interface WatchdogOptions {
  /** A loop that has not turned for so long is reported. */
  readonly stillMs: number
  /** Where reports go; empty: the system's directory for temporary files. */
  readonly directory: string
  /** Fields of the line in the log. */
  readonly bindings: object
}

/** Starts a program that has the file open, once `putOff` was not called for so long as it was made for. */
export interface Alarm {
  readonly file: number
  putOff(): void
  cancel(): void
}

export interface WatchdogPorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'every'>
  /** Answers why there is none. */
  readonly alarm: (script: string, afterMs: number) => Alarm | string
  readonly failed: (error: unknown) => void
}

/** Answers what ends it. It keeps no process alive. */
export function watch(options: WatchdogOptions, { clock, alarm, failed }: WatchdogPorts): () => void {
  const wanted = { ...options, directory: options.directory === '' ? tmpdir() : options.directory }
  const set = alarm(fileURLToPath(new URL('./watchdog-program.js', import.meta.url)), options.stillMs)
  return typeof set === 'string' ? watchByThread(wanted, clock, failed) : watchByAlarm(wanted, clock, set)
}

function watchByAlarm(options: WatchdogOptions, clock: WatchdogPorts['clock'], alarm: Alarm): () => void {
  const cells = new Int32Array(CELLS)
  const leave = leaveBeats(alarm.file)
  leaveWatched(alarm.file, { pid: process.pid, ...options })
  const beating = beat(cells, clock, () => {
    leave(cells)
    alarm.putOff()
  })
  return () => {
    beating.cancel()
    alarm.cancel()
  }
}

function watchByThread(
  options: WatchdogOptions,
  clock: WatchdogPorts['clock'],
  failed: (error: unknown) => void,
): () => void {
  const cells = new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT))
  const beating = beat(cells, clock, () => undefined)
  const worker = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
    workerData: { ...options, cells },
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

function beat(cells: Int32Array, clock: WatchdogPorts['clock'], shown: () => void): Timer {
  let lastMs = clock.monotonicMs()
  Atomics.store(cells, CELL.beat, 1)
  shown()
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
    shown()
  })
}

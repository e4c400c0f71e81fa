/** How long the event loops of processes had a processor, and how long they waited for one though they had something to do. */
import { readFileSync } from 'node:fs'

export interface Processor {
  readonly ranMs: number
  readonly waitedMs: number
}

/** Of the main threads together, since they began. Linux tells it. */
export function processorOf(pids: readonly number[]): Processor {
  let ranMs = 0
  let waitedMs = 0
  for (const pid of pids) {
    const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')
      .split(' ')
      .map(Number)
    ranMs += ran / 1e6
    waitedMs += waited / 1e6
  }
  return { ranMs, waitedMs }
}

/** `1.2 s, and waited 0.8 s for it`. */
export function processorText(from: Processor, to: Processor): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(1)
  return `${seconds(to.ranMs - from.ranMs)} s, and waited ${seconds(to.waitedMs - from.waitedMs)} s for one`
}

/**
 * What a signal means for a node. Pure: times are given.
 *
 *   (serving) ── SIGTERM ──▶ drain ── SIGTERM ──▶ hurry ── SIGTERM ──▶ close
 *       └────── SIGINT, at any time ──▶ close ── SIGINT ──▶ exit
 *
 * Whoever deploys has time, whoever sits at the keyboard has not. SIGHUP is no wish to stop: it reloads.
 */
import type { Signal } from './terminal.ts'

/** `exit`: at once. `none`: it ends already, within a few seconds. */
export type Stop = 'drain' | 'hurry' | 'close' | 'exit' | 'none'

/** Ctrl-C reaches a program twice where what has started it, such as npm, passes it on as well. */
const SAME_PRESS_MS = 300

type State = 'serving' | Exclude<Stop, 'none'>

const NEXT: Readonly<Record<State, Readonly<Record<Signal, Stop>>>> = {
  serving: { SIGTERM: 'drain', SIGINT: 'close' },
  drain: { SIGTERM: 'hurry', SIGINT: 'close' },
  hurry: { SIGTERM: 'close', SIGINT: 'close' },
  close: { SIGTERM: 'none', SIGINT: 'exit' },
  exit: { SIGTERM: 'exit', SIGINT: 'exit' },
}

export class StopSignals {
  #state: State = 'serving'
  #interruptedAtMs = Number.NEGATIVE_INFINITY

  heard(signal: Signal, nowMs: number): Stop {
    if (signal === 'SIGINT') {
      const samePress = nowMs - this.#interruptedAtMs < SAME_PRESS_MS
      this.#interruptedAtMs = nowMs
      if (samePress) return 'none'
    }
    const next = NEXT[this.#state][signal]
    if (next !== 'none') this.#state = next
    return next
  }
}

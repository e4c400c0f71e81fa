/**
 * How a node ends: each part in its turn, none of them waited for without end. Part of the composition.
 *
 * A server that hangs must not keep a process whose clients have gone: what supervises it would kill it, and the exit code
 * and the last lines of the log would be lost.
 */
import type { Clock } from '../clock.ts'
import type { Closing } from '../errors.ts'
import type { Session } from '../session/session.ts'

export interface Ending {
  /** As the log names it. */
  readonly part: string
  readonly end: () => Promise<void> | void
}

export interface EndingPorts {
  readonly clock: Clock
  /** It has failed. */
  readonly failed: (part: string, error: unknown) => void
}

/** One part may take this share of the time that there is for all: the others have something to write, too. */
const PART_SHARE = 0.4

/** How even the flow is. */
const SPREAD_STEP_MS = 20

/**
 * Ends all of them in order, within about `boundMs`: who takes too long is left to itself. Each is told to end, also where
 * there is no time left to wait for it. Answers those who did not end in time. Never fails.
 */
export async function endInTurn(
  endings: readonly Ending[],
  boundMs: number,
  { clock, failed }: EndingPorts,
): Promise<string[]> {
  const endAtMs = clock.monotonicMs() + boundMs
  const late: string[] = []
  for (const { part, end } of endings) {
    const done = settled(end).catch((error: unknown) => failed(part, error))
    const forMs = Math.min(boundMs * PART_SHARE, endAtMs - clock.monotonicMs())
    if (!(await inTime(done, Math.max(0, forMs), clock))) late.push(part)
  }
  return late
}

/**
 * Ends the connections of all sessions evenly over a moment, so that they do not come back in one. Resolves when it has;
 * who has come meanwhile is ended at its end.
 */
export function endOver(
  spreadMs: number,
  sessions: { all(): Iterable<Session> },
  closing: Closing,
  clock: Clock,
): Promise<void> {
  const fromMs = clock.monotonicMs()
  const here = [...sessions.all()]
  let ended = 0
  return new Promise((resolve) => {
    const step = (): void => {
      const share = spreadMs === 0 ? 1 : Math.min(1, (clock.monotonicMs() - fromMs) / spreadMs)
      for (const due = Math.ceil(here.length * share); ended < due; ended++)
        here[ended]?.connection.end(closing)
      if (ended < here.length) {
        clock.after(SPREAD_STEP_MS, step)
        return
      }
      for (const session of [...sessions.all()]) session.connection.end(closing)
      resolve()
    }
    step()
  })
}

async function settled(end: Ending['end']): Promise<void> {
  await end()
}

function inTime(done: Promise<void>, forMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(forMs, () => resolve(false))
    void done.then(() => {
      timer.cancel()
      resolve(true)
    })
  })
}

/** The highest rate that a server keeps, in a bounded number of probes: what a probe must show, and the search. Pure but for the probe. */
import type { RateReport } from '../load/rate.ts'

/** 99 of 100 deliveries are no later, from the moment at which the message was due. A collection of garbage is shorter, a queue that grows is soon longer. */
export const LATE_MAX_MS = 30
/** A queue that goes on growing, if only slowly: the later half of the deliveries is late by so much more than the earlier one. */
const GROWN_TIMES = 2
const GROWN_MS = 3

/** From one rate to the next one until there is one that is kept and one that is not. */
const STEP = 1.4
/** Up to 30 times what the search began with, and down to a thirtieth of it. */
const STEPS_MAX = 10
/** Each halves the last step, as a factor: after three the rate is known to 4 %. */
const HALVINGS = 3

/** Whether this rate could have gone on for ever. */
export function isHeld({ gaveUp, latenciesMicros, halvesMicros: [first, second] }: RateReport): boolean {
  return (
    !gaveUp &&
    latenciesMicros.p99 <= LATE_MAX_MS * 1000 &&
    second <= Math.max(first * GROWN_TIMES, first + GROWN_MS * 1000)
  )
}

/** `probe` answers whether a server keeps this rate. */
export async function saturationOf(
  fromPerSecond: number,
  probe: (perSecond: number) => Promise<boolean>,
): Promise<number> {
  // What disturbs one probe does not disturb the one after it.
  const keeps = async (perSecond: number): Promise<boolean> =>
    (await probe(perSecond)) || (await probe(perSecond))
  let good = fromPerSecond
  let bad = fromPerSecond
  if (await keeps(fromPerSecond)) {
    for (let i = 0; i < STEPS_MAX && (await keeps((bad = good * STEP))); i++) good = bad
  } else {
    for (let i = 0; !(await keeps((good = bad / STEP))); i++) {
      if (i === STEPS_MAX)
        throw new Error(
          `not even ${good.toFixed(1)} messages a second are kept: the machine has other work, or ${LATE_MAX_MS} ms are too few for it`,
        )
      bad = good
    }
  }
  for (let i = 0; i < HALVINGS; i++) {
    const between = Math.sqrt(good * bad)
    if (await keeps(between)) good = between
    else bad = between
  }
  return good
}

/** The highest rate that a server keeps up with, in a bounded number of short probes. Pure but for the probe. */

const FROM_PER_SECOND = 1000
/** Up to 2 million messages a second: no load of one process gets there. */
const DOUBLINGS_MAX = 10
/** Down to some 60 a second: on a machine that is so busy with other work there is nothing to be measured. */
const DOWNS_MAX = 4
/** Each halves what is left of a doubling, as a factor: after three the rate is known to 9 %. */
const HALVINGS = 3
/** Of what was asked for. In a probe of half a second the last delivery is late by 25 ms then: a collection of garbage is shorter, a queue that grows is longer. */
const KEPT_UP = 0.95

/** `probe` answers how many messages a second came through of so many that were sent. */
export async function saturationOf(probe: (perSecond: number) => Promise<number>): Promise<number> {
  // What disturbs one probe does not disturb the one after it.
  const keepsUp = async (perSecond: number): Promise<boolean> =>
    (await probe(perSecond)) >= perSecond * KEPT_UP || (await probe(perSecond)) >= perSecond * KEPT_UP
  let good = FROM_PER_SECOND
  let downs = 0
  for (; !(await keepsUp(good)); good /= 2)
    if (downs++ === DOWNS_MAX)
      throw new Error(`not even ${good} messages a second came through at their pace`)
  let bad = 2 * good
  for (let i = 0; downs === 0 && i < DOUBLINGS_MAX && (await keepsUp(bad)); i++) {
    good = bad
    bad *= 2
  }
  for (let i = 0; i < HALVINGS; i++) {
    const between = Math.sqrt(good * bad)
    if (await keepsUp(between)) good = between
    else bad = between
  }
  return good
}

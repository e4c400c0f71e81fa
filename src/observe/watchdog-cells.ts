/**
 * What a loop that turns shows of itself, for whoever sees that it does not.
 */

/** How often the loop shows that it turns. */
export const BEAT_MS = 250
/** So many of the last lags are in a report: a quarter of a minute. */
export const LAGS = 64

/** The beat, the number of the next lag, the heap in KiB, and the lags. */
export const CELL = { beat: 0, next: 1, heapUsed: 2, heapTotal: 3, external: 4, lags: 5 } as const
export const CELLS = CELL.lags + LAGS

/**
 * What is written of the pace at which connections are moved away. Pure; the only reader of a plan, whether it stands in the
 * configuration, comes over HTTP or from the command line.
 *
 *   5%/2m      so much of what was connected at the start, in each such time
 *   5000/30s   so many
 *   5m         all, spread over the time
 *   fast       as many as the others offer to take
 */
import { DURATION, durationMs, durationText } from './units.ts'

export type Plan =
  | { readonly kind: 'percent'; readonly percent: number; readonly everyMs: number }
  | { readonly kind: 'count'; readonly count: number; readonly everyMs: number }
  | { readonly kind: 'over'; readonly totalMs: number }
  | { readonly kind: 'fast' }

export const PLAN_RULE =
  '5%/2m or 5000/30s (so many connections in each time), a total time such as 5m, or fast (as the others take them)'

const PERCENT = /^(\d{1,3}(?:\.\d+)?)%$/
const COUNT = /^[1-9]\d{0,8}$/

/** `undefined`: the text is no plan; `PLAN_RULE` says what is. */
export function parsePlan(text: string): Plan | undefined {
  if (text === 'fast') return { kind: 'fast' }
  const [batch = '', every, ...rest] = text.split('/')
  if (rest.length > 0) return undefined
  if (every === undefined) {
    const totalMs = timeMs(batch)
    return totalMs === undefined ? undefined : { kind: 'over', totalMs }
  }
  const everyMs = timeMs(every)
  if (everyMs === undefined) return undefined
  if (COUNT.test(batch)) return { kind: 'count', count: Number(batch), everyMs }
  const percent = Number(PERCENT.exec(batch)?.[1])
  return percent > 0 && percent <= 100 ? { kind: 'percent', percent, everyMs } : undefined
}

export function isPlan(text: string): boolean {
  return parsePlan(text) !== undefined
}

export function planText(plan: Plan): string {
  switch (plan.kind) {
    case 'percent':
      return `${plan.percent}%/${durationText(plan.everyMs)}`
    case 'count':
      return `${plan.count}/${durationText(plan.everyMs)}`
    case 'over':
      return durationText(plan.totalMs)
    case 'fast':
      return 'fast'
  }
}

/**
 * With a unit: a bare number would be milliseconds elsewhere, and here a batch without its time. Never 0: everybody would be
 * sent away in the same moment.
 */
function timeMs(text: string): number | undefined {
  const ms = DURATION.test(text) ? durationMs(text) : undefined
  return ms === 0 ? undefined : ms
}

/**
 * How fast connections are moved away. Pure.
 *
 *   5%/2m      so much of what was connected at the start, in each such time
 *   5000/30s   so many
 *   5m         all, spread over the time
 */

export type Plan =
  | { readonly kind: 'percent'; readonly percent: number; readonly everyMs: number }
  | { readonly kind: 'count'; readonly count: number; readonly everyMs: number }
  | { readonly kind: 'over'; readonly totalMs: number }

export const PLAN_RULE = '5%/2m or 5000/30s (so many connections in each time) or a total time such as 5m'

const BATCHES = /^(\d+(?:\.\d+)?)(%?)\/(.+)$/
/** The units of the configuration: a plan that it allows must not turn out to be none when the node is to stop. */
const TIME = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `undefined`: the text is no plan; `PLAN_RULE` says what is. */
export function parsePlan(text: string): Plan | undefined {
  const [, amount, percent, time] = BATCHES.exec(text) ?? []
  if (amount === undefined || time === undefined) {
    const totalMs = timeMs(text)
    return totalMs === undefined ? undefined : { kind: 'over', totalMs }
  }
  const everyMs = timeMs(time)
  const number = Number(amount)
  if (everyMs === undefined || number <= 0) return undefined
  if (percent === '%') return number <= 100 ? { kind: 'percent', percent: number, everyMs } : undefined
  return Number.isInteger(number) ? { kind: 'count', count: number, everyMs } : undefined
}

export function planText(plan: Plan): string {
  switch (plan.kind) {
    case 'percent':
      return `${plan.percent}%/${timeText(plan.everyMs)}`
    case 'count':
      return `${plan.count}/${timeText(plan.everyMs)}`
    case 'over':
      return timeText(plan.totalMs)
  }
}

/** Never 0: everybody would be sent away in the same moment. */
function timeMs(text: string): number | undefined {
  const [, amount, unit] = TIME.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const ms = Math.round(Number(amount) * (UNIT_MS[unit] as number))
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined
}

function timeText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const unitMs = UNIT_MS[unit] as number
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`
  }
  return `${ms}ms`
}

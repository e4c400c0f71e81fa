/** What a run, or several, have shown: by fault how often, how many resets, and how long until everybody was served again. Pure. */
import type { Violation } from './check/story.ts'
import { DURABLE, namespaceOf, type HistoryEvent } from './history.ts'

export interface FaultRecord {
  readonly names: readonly string[]
  /** From healing until each client was shown, on each of its channels, something that was published after it. */
  readonly replayMs: number | undefined
  readonly durableMs: number | undefined
  readonly resets: number
}

export interface Totals {
  readonly seconds: number
  readonly confirmed: number
  readonly shown: number
  readonly resets: number
  readonly abandoned: number
}

export interface Summary {
  readonly rounds: readonly FaultRecord[]
  readonly totals: Totals
  readonly violations: readonly Violation[]
}

interface Round {
  readonly names: string[]
  beganAt: number
  healedAt: number | undefined
  endedAt: number
}

export function summarise(events: readonly HistoryEvent[], violations: readonly Violation[]): Summary {
  const rounds = roundsOf(events)
  return {
    rounds: rounds.map((round) => recordOf(events, round)),
    totals: {
      seconds: Math.round((events.at(-1)?.at ?? 0) / 1000),
      confirmed: new Set(events.flatMap((event) => (event.kind === 'confirmed' ? [event.message] : []))).size,
      shown: countOf(events, 'shown'),
      resets: countOf(events, 'reset'),
      abandoned: countOf(events, 'abandoned'),
    },
    violations,
  }
}

function countOf(events: readonly HistoryEvent[], kind: HistoryEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length
}

function roundsOf(events: readonly HistoryEvent[]): Round[] {
  const rounds: Round[] = []
  for (const event of events) {
    if (event.kind !== 'fault') continue
    const round = (rounds[event.round] ??= {
      names: [],
      beganAt: event.at,
      healedAt: undefined,
      endedAt: events.at(-1)?.at ?? event.at,
    })
    if (event.on) {
      round.names.push(event.name)
      const before = rounds[event.round - 1]
      if (before !== undefined) before.endedAt = event.at
    } else round.healedAt = event.at
  }
  return rounds
}

function recordOf(
  events: readonly HistoryEvent[],
  { names, beganAt, healedAt, endedAt }: Round,
): FaultRecord {
  const during = events.filter(({ at }) => at >= beganAt && at <= endedAt)
  const resets = countOf(during, 'reset')
  if (healedAt === undefined) return { names, replayMs: undefined, durableMs: undefined, resets }
  const fresh = new Set(
    during.flatMap((event) => (event.kind === 'sent' && event.at >= healedAt ? [event.message] : [])),
  )
  const firstAt = new Map<string, number>()
  const wanted = new Set<string>()
  for (const event of events) {
    if (event.at > endedAt) break
    // Those that were there when it healed; an inbox may stay without a message for long.
    if (event.kind === 'start' && event.at < healedAt && !event.channel.startsWith('@'))
      wanted.add(`${event.client} ${event.channel}`)
    if (event.kind !== 'shown' || event.at < healedAt || !fresh.has(event.message)) continue
    const key = `${event.client} ${event.channel}`
    if (!firstAt.has(key)) firstAt.set(key, event.at - healedAt)
  }
  const last = (isDurable: boolean): number | undefined => {
    const keys = [...wanted].filter(
      (key) => (namespaceOf(key.slice(key.indexOf(' ') + 1)) === DURABLE) === isDurable,
    )
    return keys.every((key) => firstAt.has(key))
      ? Math.max(0, ...keys.map((key) => firstAt.get(key) as number))
      : undefined
  }
  return { names, replayMs: last(false), durableMs: last(true), resets }
}

const HEAD = ['fault', 'rounds', 'resets', 'replay again after', 'durable again after']

/** By fault; a round of two counts for both. */
export function tableOf(summaries: readonly Summary[], markdown: boolean): string[] {
  const byName = new Map<string, FaultRecord[]>()
  for (const { rounds } of summaries) {
    for (const round of rounds) {
      for (const name of round.names) byName.set(name, [...(byName.get(name) ?? []), round])
    }
  }
  const rows = [...byName]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, records]) => [
      name,
      String(records.length),
      String(records.reduce((sum, { resets }) => sum + resets, 0)),
      spanOf(records.map(({ replayMs }) => replayMs)),
      spanOf(records.map(({ durableMs }) => durableMs)),
    ])
  if (markdown) return [HEAD, HEAD.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`)
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  )
  return [HEAD, ...rows].map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] as number)).join('  '),
  )
}

/** The middle and the longest. */
function spanOf(times: readonly (number | undefined)[]): string {
  const seconds = times.map((time) => (time === undefined ? Infinity : time / 1000)).toSorted((a, b) => a - b)
  const text = (value: number): string =>
    value === Infinity ? 'not before the next' : `${value.toFixed(1)} s`
  const longest = text(seconds.at(-1) as number)
  if (seconds.length === 1) return longest
  return `${text(seconds[Math.floor(seconds.length / 2)] as number)}, at most ${longest}`
}

export function totalLine(summaries: readonly Summary[]): string {
  const sum = (of: (summary: Summary) => number): string =>
    summaries.reduce((total, summary) => total + of(summary), 0).toLocaleString('en-US')
  return [
    `${sum(({ rounds }) => rounds.length)} rounds in ${sum(({ totals }) => totals.seconds)} s`,
    `${sum(({ totals }) => totals.confirmed)} confirmed messages`,
    `${sum(({ totals }) => totals.shown)} deliveries`,
    `${sum(({ totals }) => totals.resets)} resets`,
    `${sum(({ totals }) => totals.abandoned)} publishes given up`,
    `${sum(({ violations }) => violations.length)} violations`,
  ].join(', ')
}

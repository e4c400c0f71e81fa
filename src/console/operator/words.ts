/**
 * Numbers, times and what they mean, in words. Pure.
 */
import type { ForecastShown, JobNodeShown, JobShown, ListedJobShown } from './shapes.ts'

const WHOLE = new Intl.NumberFormat('en')

export function count(value: number): string {
  return WHOLE.format(Math.round(value))
}

/** `1 client`, `1,204 clients`. */
export function many(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : several}`
}

export function rate(perSecond: number): string {
  return perSecond < 10 ? String(Math.round(perSecond * 10) / 10) : count(perSecond)
}

export function duration(ms: number): string {
  if (ms < 1000) return `${count(ms)} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 100) return ms < 10_000 ? `${Math.round(ms / 100) / 10} s` : `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 100) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

export function clockTime(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB')
}

export function dayTime(atMs: number): string {
  return new Date(atMs).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

export function shortId(id: string): string {
  return id.length > 8 ? id.slice(0, 8) : id
}

export function share(part: number, whole: number): number {
  return whole <= 0 ? 1 : Math.min(1, Math.max(0, part / whole))
}

export function percent(part: number, whole: number): string {
  return `${Math.floor(share(part, whole) * 100)} %`
}

const DOES = { drain: 'drain', rebalance: 'rebalance' } as const

/** `ops drains version 1.4.* over 5m`. */
export function jobTitle({ kind, what }: Pick<ListedJobShown, 'kind' | 'what'>): string {
  return kind === 'drain' ? `Drain of ${what}` : `Rebalance of ${what}`
}

export function begunText({ kind, by, what, total, plan, reason, parallel, nodes }: JobShown): string {
  const who = by === 'signal' ? 'A deploy' : by
  const several = nodes.length > 1 ? `, ${many(nodes.length, 'node')}, ${parallel} at a time` : ''
  const why = reason === undefined ? '' : `: “${reason}”`
  return `${who} began to ${DOES[kind]} ${what}: ${many(total, 'client')}, plan ${plan}${several}${why}`
}

/** What became of whom, for whoever has to answer for it. */
export function proofText(job: JobShown): string {
  const { kind, told, moved, resumed, forced, unseen, returned, replayed, gaps } = job
  if (told === 0) return kind === 'drain' ? 'nobody had to move' : 'nobody was moved'
  const parts = [`${count(moved)} of ${many(told, 'client')} moved`]
  if (returned > 0) parts.push(`${count(returned)} of them came back by themselves after they were closed`)
  parts.push(
    resumed >= moved
      ? 'all of them went on where they were'
      : `${count(resumed)} of them went on exactly where they were`,
  )
  if (replayed > 0) parts.push(`${many(replayed, 'message')} that they had missed meanwhile were repaired`)
  if (gaps !== undefined) parts.push(`the longest was without a connection for ${duration(gaps.maxMs)}`)
  parts.push(forced === 0 ? 'nobody was cut off' : `${count(forced)} were closed because their time was up`)
  if (unseen > 0) parts.push(`${count(unseen)} were told and have not been seen since`)
  return parts.join('; ')
}

export function endText(job: JobShown): string {
  const took = duration(job.elapsedMs)
  return `${jobTitle(job)} ${job.state === 'cancelled' ? 'was cancelled' : 'is done'} after ${took}: ${proofText(job)}.`
}

export const PART_WORDS: Readonly<Record<JobNodeShown['part'], string>> = {
  waiting: 'waits for its turn',
  called: 'was called',
  moving: 'moves its clients',
  gone: 'all moved',
  stayed: 'stayed',
  left: 'had gone before its turn',
  lost: 'died while it moved clients',
  silent: 'did not answer',
}

export const STATE_WORDS = {
  starting: 'starts',
  active: 'takes clients',
  cordoned: 'is kept out',
  draining: 'drains',
  closing: 'closes',
} as const

const PARTS_AWAY: Readonly<Record<string, string>> = {
  backbone: 'does not hear the other nodes (NATS)',
  registry: 'does not reach the registry (Redis)',
  log: 'cannot use the log of messages',
}

export function partAway(part: string): string {
  return PARTS_AWAY[part] ?? `is without its part ${part}`
}

/** Of one who waits for a job: what is to be expected. */
export function paceText(job: JobShown): string {
  const { state, holding, remainingMs, ratePerSecond, deadlineInMs } = job
  const deadline = deadlineInMs === undefined ? '' : `; deadline in ${duration(deadlineInMs)}`
  if (state === 'paused') return 'Paused by an operator'
  if (holding !== undefined) return `Held: ${holding}${deadline}`
  if (remainingMs === undefined) return `Begins${deadline}`
  return `${rate(ratePerSecond)} a second, about ${duration(remainingMs)} left${deadline}`
}

export function forecastText({ total, takesMs, takers }: ForecastShown): string {
  const where =
    takers.length === 0 ? 'to nowhere: no other node takes clients' : `to ${many(takers.length, 'node')}`
  return `${many(total, 'client')} would move ${where}, in about ${duration(takesMs)}.`
}

/**
 * What became of the clients of one node, as it is kept for a day: the node says it while it moves them, and so it is there
 * when the node has gone. Pure.
 */
import type { DrainProgress } from './drain.ts'
import { objectIn } from '../protocol/json.ts'

export interface Outcome {
  readonly job: string
  readonly node: string
  /** When it was said, in milliseconds since 1970, by the node's clock. */
  readonly at: number
  readonly progress: DrainProgress
}

export function outcomeKey(job: string, node: string): string {
  return `${job} ${node}`
}

const COUNTS = ['told', 'moved', 'resumed', 'returned', 'forced', 'unseen', 'replayed', 'overlapped'] as const
const AMOUNTS = [...COUNTS, 'total', 'remaining', 'elapsedMs', 'ratePerSecond']

/** What does not look like one is none: others may write there too. */
export function outcomeIn(text: string): Outcome | undefined {
  const value = objectIn(text)
  const progress = value?.['progress'] as Readonly<Record<string, unknown>> | undefined | null
  if (value === undefined || typeof progress !== 'object' || progress === null) return undefined
  const { transports } = progress
  const good =
    typeof value['job'] === 'string' &&
    typeof value['node'] === 'string' &&
    typeof value['at'] === 'number' &&
    typeof progress['state'] === 'string' &&
    typeof progress['plan'] === 'string' &&
    hasAmounts(progress, AMOUNTS) &&
    typeof transports === 'object' &&
    transports !== null &&
    Object.values(transports).every((counts) => hasAmounts(counts, COUNTS))
  return good ? (value as unknown as Outcome) : undefined
}

function hasAmounts(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every((name) => Number.isFinite((value as Readonly<Record<string, unknown>>)[name]))
}

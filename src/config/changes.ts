/**
 * What differs between two configurations: names only, since values may be secrets.
 */
import type { Config } from './schema.ts'

/** Options that a running node takes up. */
export const RELOADED: readonly string[] = ['log.level']

/** The options that differ, with dots (`api.port`); of a list, the option as a whole. */
export function changedOptions(before: Config, after: Config): string[] {
  return differing(before, after, '')
}

function differing(before: unknown, after: unknown, name: string): string[] {
  if (!isSection(before) || !isSection(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [name]
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => differing(before[key], after[key], name === '' ? key : `${name}.${key}`))
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

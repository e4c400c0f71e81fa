/**
 * What is wrong with a value, in one line: which key, where it was set, what it is, what is allowed. Never a secret.
 */
import type { z } from 'zod'
import { isSameName, nearest } from './nearest.ts'
import type { About } from './option.ts'
import { originText, type Sources } from './sources.ts'
import { ALL_OPTIONS, nodeAt, type Path, pathText, type Section } from './tree.ts'

/** Longer values are cut: a complaint is one line. */
const SHOWN_LENGTH_MAX = 80

export function complaintsOf(issues: readonly z.core.$ZodIssue[], sources: Sources): string[] {
  return issues.flatMap((issue) => complaintOf(issue, sources))
}

function complaintOf(issue: z.core.$ZodIssue, sources: Sources): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], sources))
  if (issue.code === 'invalid_key') {
    const { keyIs, keyRule } = eachAt(path.slice(0, -1))
    return [`${pathText(path)} (${originText(sources.originOf(path))}) is not ${keyIs}; ${keyRule}`]
  }
  const value = valueAt(sources.values, path)
  const node = nodeAt(path) ?? nodeAt(path.slice(0, -1))
  if (node?.kind !== 'option') return [wrongSection(path, value, sources)]
  const { about } = node
  const where = `${pathText(path)} (${originText(sources.originOf(path))})`
  const allowed = `allowed: ${about.allowed}`
  if (issue.code === 'custom' && issue.params !== undefined) {
    return [`${where} is ${shown(issue.params['item'], about)}; ${allowed}`]
  }
  if (value === undefined) {
    const section = path.slice(0, -1)
    return [
      `${pathText(path)} is missing, and ${pathText(section)} (${originText(sources.originOf(section))}) needs it; ${allowed}`,
    ]
  }
  return [`${where} is ${shown(value, about)}; ${allowed}`]
}

function eachAt(path: Path): NonNullable<Section['each']> {
  const node = nodeAt(path)
  if (node?.kind === 'section' && node.each !== undefined) return node.each
  throw new Error(`the keys of ${pathText(path)} are not free`)
}

function wrongSection(path: Path, value: unknown, sources: Sources): string {
  const node = nodeAt(path)
  const keys = node?.kind === 'section' ? keysOf(node) : ''
  return `${pathText(path)} (${originText(sources.originOf(path))}) is ${kindOf(value)}; allowed: a section with the keys ${keys}`
}

function unknownKey(path: Path, sources: Sources): string {
  const where = `${pathText(path)} (${originText(sources.originOf(path))})`
  if (path.length === 1 && path[0] === 'dev') {
    return `${where} cannot be set here: a node is for development when it is started by sluice dev`
  }
  const section = nodeAt(path.slice(0, -1))
  if (section?.kind !== 'section') return `${where} is not an option`
  const meant = suggestion(path, section)
  const hint = meant === undefined ? '' : `did you mean ${pathText(meant)}? `
  const place = section.path.length === 0 ? 'at the top' : `in ${pathText(path.slice(0, -1))}`
  return `${where} is not an option; ${hint}allowed ${place}: ${keysOf(section)}`
}

/** A neighbour with nearly this name, or an option elsewhere with exactly this one. */
function suggestion(path: Path, section: Section): Path | undefined {
  const key = path.at(-1) as string
  const sibling = nearest(key, [...section.children.keys()])
  if (sibling !== undefined) return [...path.slice(0, -1), sibling]
  return ALL_OPTIONS.find(
    (option) =>
      isSameName(option.path.at(-1) as string, key) || isSameName(option.path.join('.'), path.join('.')),
  )?.path
}

function keysOf(section: Section): string {
  return section.each === undefined ? [...section.children.keys()].join(', ') : section.each.keyRule
}

function shown(value: unknown, about: About): string {
  if (typeof value === 'object') return kindOf(value)
  if (about.secret === 'whole') return `${kindOf(value)} (hidden)`
  const hides = about.secret === 'credentials' && typeof value === 'string'
  return cut(JSON.stringify(hides ? withoutCredentials(value) : value))
}

function cut(text: string): string {
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text
}

function kindOf(value: unknown): string {
  if (value === null || value === '') return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'number' ? 'a number' : 'true or false'
}

/** The URL without its user and password; where it is no URL, nothing of what may be a password. */
export function withoutCredentials(url: string): string {
  if (!url.includes('@')) return url
  return `${/^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? ''}***@${url.slice(url.lastIndexOf('@') + 1)}`
}

function valueAt(values: unknown, path: Path): unknown {
  let value = values
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}

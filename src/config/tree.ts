/**
 * The schema as a tree of sections and options, for everybody who needs to know what there is: the sources, the
 * complaints, the documentation.
 */
import * as z from 'zod'
import { type About, type Each, OPTIONS, SECTIONS } from './option.ts'
import { SCHEMA } from './schema.ts'

export type Path = readonly string[]

export interface Option {
  readonly kind: 'option'
  readonly path: Path
  readonly about: About
}

export interface Section {
  readonly kind: 'section'
  readonly path: Path
  readonly doc: string
  readonly children: ReadonlyMap<string, Option | Section>
  /** What stands under any key, where the keys are free; its path ends with `*`. */
  readonly each: (Section & Pick<Each, 'keyIs' | 'keyRule' | 'intro'>) | undefined
}

/** Longer keys are cut where they are shown. */
const KEY_LENGTH_MAX = 80

export const TREE: Section = sectionOf([], '', SCHEMA.shape)

/** Every option in the order of the schema; those of a namespace once, under `namespaces.*`. */
export const ALL_OPTIONS: readonly Option[] = optionsOf(TREE)

export const ENV_OPTIONS: ReadonlyMap<string, Option> = new Map(
  ALL_OPTIONS.flatMap((option) => (option.about.env === undefined ? [] : [[option.about.env, option]])),
)

/** What can be set on the command line: the same, without what the list of processes would show to everybody. */
export const FLAG_OPTIONS: readonly Option[] = [...ENV_OPTIONS.values()].filter(
  ({ about }) => about.secret !== 'whole',
)

function sectionOf(path: Path, doc: string, shape: Readonly<Record<string, z.core.$ZodType>>): Section {
  const children = Object.entries(shape).map(
    ([key, schema]) => [key, nodeOf([...path, key], schema)] as const,
  )
  return { kind: 'section', path, doc, children: new Map(children), each: undefined }
}

function nodeOf(path: Path, schema: z.core.$ZodType): Option | Section {
  const about = OPTIONS.get(schema)
  if (about !== undefined) return { kind: 'option', path, about }
  const { doc = '', each } = SECTIONS.get(schema) ?? {}
  const inner =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodExactOptional ? schema.unwrap() : schema
  if (inner instanceof z.ZodObject) return sectionOf(path, doc, inner.shape)
  if (each === undefined) throw new Error(`${path.join('.')} is neither an option nor a section`)
  const { shape, ...words } = each
  return {
    kind: 'section',
    path,
    doc,
    children: new Map(),
    each: { ...sectionOf([...path, '*'], '', shape), ...words },
  }
}

function optionsOf(section: Section): Option[] {
  const children = [...section.children.values(), ...(section.each === undefined ? [] : [section.each])]
  return children.flatMap((child) => (child.kind === 'option' ? [child] : optionsOf(child)))
}

/** What stands at the path, or nothing. */
export function nodeAt(path: Path): Option | Section | undefined {
  let node: Option | Section | undefined = TREE
  for (const key of path) {
    if (node?.kind !== 'section') return undefined
    node = node.children.get(key) ?? node.each
  }
  return node
}

/** A key that is not a plain name is quoted, so that the line stays one line. */
export function pathText(path: Path): string {
  return path
    .map((key, index) => {
      if (/^\d+$/.test(key) && index > 0) return `[${key}]`
      const name = /^[\w@*:/=+$-]+$/.test(key) ? key : JSON.stringify(key.slice(0, KEY_LENGTH_MAX))
      return index === 0 ? name : `.${name}`
    })
    .join('')
}

/** What is given at each deploy has a name of its own. */
const OWN_FLAGS: Readonly<Record<string, string>> = { 'node.generation': '--generation' }

/** `['api', 'port']` -> `--api-port` */
export function flagOf(path: Path): string {
  const own = OWN_FLAGS[path.join('.')]
  if (own !== undefined) return own
  return `--${path.map((key) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)).join('-')}`
}

/**
 * What applies, and where it came from; never a secret.
 */
import { withoutCredentials } from './complaint.ts'
import type { LoadedConfig } from './load.ts'
import { originText } from './sources.ts'
import { type Option, type Path, type Section, TREE } from './tree.ts'

export interface EffectiveValue {
  /** With dots: `api.port`. */
  readonly key: string
  /** As a person would write it. */
  readonly value: string
  /** `sluice.yaml:12`, `SLUICE_PORT`, `--port`, `default`… */
  readonly origin: string
}

/** Every option in the order of the schema, and every namespace. */
export function effectiveValues(loaded: LoadedConfig): EffectiveValue[] {
  return valuesOf(TREE, [], loaded.config, loaded)
}

function valuesOf(section: Section, path: Path, values: unknown, loaded: LoadedConfig): EffectiveValue[] {
  if (values === undefined) return []
  const { each } = section
  if (each !== undefined) {
    return Object.entries(values as object).flatMap(([name, policy]) =>
      valuesOf(each, [...path, name], policy, loaded),
    )
  }
  return [...section.children].flatMap(([key, child]) => {
    const value = (values as Readonly<Record<string, unknown>>)[key]
    const inner = [...path, key]
    return child.kind === 'section'
      ? valuesOf(child, inner, value, loaded)
      : { key: inner.join('.'), value: valueText(child, value), origin: originOf(inner, loaded) }
  })
}

function originOf(path: Path, loaded: LoadedConfig): string {
  const own = loaded.originOf(path)
  const [first, namespace, key = ''] = path
  if (own === undefined && first === 'namespaces' && namespace !== '*') {
    const inherited = loaded.originOf(['namespaces', '*', key])
    // The inbox has a `ttl` of its own.
    if (inherited !== undefined && !(namespace === '@' && key === 'ttl'))
      return `${originText(inherited)}, by *`
  }
  return originText(own)
}

function valueText({ about }: Option, value: unknown): string {
  if (value === undefined) return '(not set)'
  if (about.secret === 'whole') return Array.isArray(value) && value.length === 0 ? 'none' : '(hidden)'
  const text = about.toText(value)
  return about.secret === 'credentials'
    ? text
        .split(',')
        .map((url) => withoutCredentials(url))
        .join(',')
    : text
}

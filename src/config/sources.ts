/**
 * Where values come from: a file under the environment under flags. Each value keeps its origin, so that a complaint
 * can say where to look.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { ConfigError } from './config-error.ts'
import { nearest } from './nearest.ts'
import { ENV_OPTIONS, flagOf, nodeAt, type Path, pathText } from './tree.ts'

export type Origin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'program' }
  | { readonly kind: 'dev' }

/** Variables of the command line tool itself; a node that finds them in its environment leaves them alone. */
export const CLI_VARIABLES = {
  SLUICE_CONFIG: 'The configuration file of `serve`, `dev` and `config`.',
  SLUICE_API_URL:
    'The second listener of a node, or those of several with commas between: the next one is asked where one does not answer. For the commands; `http://127.0.0.1:8081` by default.',
  SLUICE_API_KEY: 'The API key for `publish` and `token`; `dev` by default.',
  SLUICE_API_CA: 'Whom the certificate of the second listener comes from, a file in PEM.',
  SLUICE_URL: 'The public listener, for `tail`; `ws://127.0.0.1:8080` by default.',
  SLUICE_TOKEN: 'The token for `tail`.',
} as const satisfies Record<string, string>

type Values = Record<string, unknown>

export class Sources {
  readonly values: Values = {}
  readonly #origins = new Map<string, Origin>()

  /**
   * Nothing where the default applies. What is no option of its own (an item of a list, a key that does not exist) has
   * the origin of what it is in.
   */
  originOf(path: Path): Origin | undefined {
    if (nodeAt(path)?.kind === 'option') return this.#origins.get(keyOf(path))
    for (let length = path.length; length > 0; length--) {
      const origin = this.#origins.get(keyOf(path.slice(0, length)))
      if (origin !== undefined) return origin
    }
    return undefined
  }

  /** Over what is there. Sections are merged, anything else replaces. */
  put(path: Path, value: unknown, originOf: (path: Path) => Origin): void {
    if (path.at(-1) === '__proto__')
      throw new ConfigError(`${pathText(path)} (${originText(originOf(path))}) is not a key`)
    const node = nodeAt(path)
    // `limits:` with nothing under it, as when all its lines are comments, is an empty section.
    if (value === null && node?.kind === 'section') return
    if (isSection(value)) {
      if (path.length > 0) this.#origins.set(keyOf(path), originOf(path))
      for (const [key, inner] of Object.entries(value)) this.put([...path, key], inner, originOf)
      if (Object.keys(value).length === 0 && path.length > 0) this.#set(path, {})
      return
    }
    if (this.#set(path, value)) this.#origins.set(keyOf(path), originOf(path))
  }

  /** Not where a value stands in the place of a section: that is complained about as it is. */
  #set(path: Path, value: unknown): boolean {
    let section = this.values
    for (const key of path.slice(0, -1)) {
      const inner = Object.hasOwn(section, key) ? section[key] : (section[key] = {})
      if (!isSection(inner)) return false
      section = inner
    }
    const last = path.at(-1) as string
    if (isSection(value) && isSection(section[last])) return true
    section[last] = value
    return true
  }
}

function isSection(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** No key of a file contains it unescaped. */
function keyOf(path: Path): string {
  return JSON.stringify(path)
}

/** Loaded for a file alone: a node that its environment configures holds nothing of it. */
function yaml(): typeof Yaml {
  return createRequire(import.meta.url)('yaml') as typeof Yaml
}

/** YAML; JSON is a part of it. Fails with `ConfigError`. */
export function putFile(sources: Sources, file: string, named: string): void {
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const document = parseDocument(readText(file, named), { lineCounter: lines, prettyErrors: false })
  const fault = document.errors[0]
  if (fault !== undefined) {
    // What follows a colon in the parser's sentence is a piece of the file, and may be a secret.
    const sentence = fault.message.split(/[:\n]/, 1)[0]
    throw new ConfigError(`${file}:${lines.linePos(fault.pos[0]).line} is not YAML or JSON: ${sentence}`)
  }
  const values: unknown = document.toJS({ maxAliasCount: 100 })
  if (values === null || values === undefined) return
  if (!isSection(values)) {
    throw new ConfigError(`${file} is not a configuration: at its top must be keys such as port and api`)
  }
  sources.put([], values, (path) => {
    const start = startOf(document.contents, path)
    return { kind: 'file', file, line: start === undefined ? 1 : lines.linePos(start).line }
  })
}

/** Where the last key of the path stands, as far as it can be followed. */
function startOf(contents: unknown, path: Path): number | undefined {
  const { isMap, isScalar } = yaml()
  let node = contents
  let start: number | undefined
  for (const name of path) {
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === name)
      : undefined
    if (pair === undefined) return start
    start = (pair.key as Yaml.Scalar).range?.[0] ?? start
    node = pair.value
  }
  return start
}

function readText(file: string, named: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    const why = {
      ENOENT: 'there is no such file',
      EACCES: 'reading it is not permitted',
      EISDIR: 'it is a directory',
    }
    throw new ConfigError(
      `the configuration file ${file} (${named}) cannot be read: ${why[code as keyof typeof why] ?? code}`,
    )
  }
}

/** Returns what is wrong with the names; values are checked with all others. An empty variable counts as not set. */
export function putEnvironment(sources: Sources, env: NodeJS.ProcessEnv): string[] {
  const complaints: string[] = []
  for (const [name, value] of Object.entries(env).sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (!name.startsWith('SLUICE_') || value === undefined) continue
    const option = ENV_OPTIONS.get(name)
    if (Object.hasOwn(CLI_VARIABLES, name) || isServiceLink(name, value)) continue
    if (option === undefined) complaints.push(unknownVariable(name))
    else if (value !== '') {
      sources.put(option.path, option.about.fromText(value), () => ({ kind: 'environment', name }))
    }
  }
  return complaints
}

function unknownVariable(name: string): string {
  const known = [...ENV_OPTIONS.keys(), ...Object.keys(CLI_VARIABLES)]
  const near = nearest(name, known)
  const hint = near === undefined ? '' : `did you mean ${near}? `
  return `the environment variable ${name} is not one of Sluice's; ${hint}allowed: ${known.join(', ')}; all else is set in the file`
}

/**
 * Kubernetes tells every container of every Service in its namespace; a Service named `sluice` makes `SLUICE_PORT`
 * (`tcp://10.0.0.1:8080`) and more. They are not meant for us.
 */
function isServiceLink(name: string, value: string): boolean {
  if (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)) return true
  return /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(
    name,
  )
}

/** By the path of the option with dots, as texts. Fails with `ConfigError` where there is no such option. */
export function putFlags(sources: Sources, flags: Readonly<Record<string, string>>): void {
  for (const [dotted, value] of Object.entries(flags)) {
    const path = dotted.split('.')
    const node = nodeAt(path)
    if (node?.kind !== 'option') throw new ConfigError(`${flagOf(path)} is not an option`)
    sources.put(path, node.about.fromText(value), () => ({ kind: 'flag', name: flagOf(path) }))
  }
}

export function originText(origin: Origin | undefined): string {
  if (origin === undefined) return 'default'
  if (origin.kind === 'file') return `${origin.file}:${origin.line}`
  if (origin.kind === 'program') return 'given by the program'
  return origin.kind === 'dev' ? 'sluice dev' : origin.name
}

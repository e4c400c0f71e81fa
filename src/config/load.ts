/**
 * From what is given to what is used: file under environment under flags, checked as a whole, and frozen.
 */
import { complaintsOf } from './complaint.ts'
import { ConfigError } from './config-error.ts'
import { type DevFacts, devSettings } from './dev-settings.ts'
import { brokenRules } from './rules.ts'
import { type Config, type ConfigInput, SCHEMA } from './schema.ts'
import { type Origin, originText, putEnvironment, putFile, putFlags, Sources } from './sources.ts'
import { type Path, pathText } from './tree.ts'

export interface ConfigSources {
  /** Where the `SLUICE_…` variables are. Not given: none. */
  readonly env?: NodeJS.ProcessEnv
  /** YAML or JSON. Not given: what `SLUICE_CONFIG` in `env` names, if anything. */
  readonly file?: string
  /** From the command line: texts by the path of the option with dots (`api.port`). */
  readonly flags?: Readonly<Record<string, string>>
  /** From a program that starts a node itself; above all others. */
  readonly settings?: ConfigInput
  /** The node is for development: see `devSettings`. */
  readonly dev?: boolean
  /** Of such a node: what its tokens are checked with where nothing else is configured. Not given: a new secret. */
  readonly devSecret?: string
  /** Of such a node: a folder to serve. */
  readonly devStatic?: string
}

export interface LoadedConfig {
  readonly config: Config
  /** Nothing where the default applies. */
  originOf(path: Path): Origin | undefined
}

/** Fails with `ConfigError`, whose message is one line. */
export function loadConfig(given: ConfigSources): Config {
  return loadConfigWithOrigins(given).config
}

/** The same, for those who want to say where a value came from. */
export function loadConfigWithOrigins(given: ConfigSources): LoadedConfig {
  const { env = {}, dev = false } = given
  const sources = new Sources()
  if (dev) sources.put([], devSettings(given.devSecret), () => ({ kind: 'dev' }))
  const file = given.file ?? (env['SLUICE_CONFIG'] || undefined)
  if (file !== undefined) putFile(sources, file, given.file === undefined ? 'SLUICE_CONFIG' : '--config')
  const complaints = putEnvironment(sources, env)
  putFlags(sources, given.flags ?? {})
  if (given.settings !== undefined) sources.put([], given.settings, () => ({ kind: 'program' }))

  const parsed = SCHEMA.safeParse(sources.values)
  if (!parsed.success) complaints.push(...complaintsOf(parsed.error.issues, sources))
  refuse(complaints)
  const data = parsed.data as Omit<Config, keyof DevFacts>
  const config: Config = freeze({
    ...data,
    dev,
    devTokens: dev && hasOnlyDevSecret(data, sources),
    ...(given.devStatic === undefined ? {} : { devStatic: given.devStatic }),
  })
  refuse(brokenRules(config, (...path) => `${pathText(path)} (${originText(sources.originOf(path))})`))
  return { config, originOf: (path) => sources.originOf(path) }
}

/** Fails with `ConfigError` where there is any. */
export function refuse(complaints: readonly string[]): void {
  const [first, ...others] = complaints
  if (first !== undefined) throw new ConfigError(first, ...others)
}

/** Whoever has configured what tokens are checked with decides who gets one. */
function hasOnlyDevSecret({ auth }: Pick<Config, 'auth'>, sources: Sources): boolean {
  const given = auth.jwtPublicKey ?? auth.jwksUrl
  return given === undefined && sources.originOf(['auth', 'jwtSecret'])?.kind === 'dev'
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}

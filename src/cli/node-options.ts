/**
 * The options of the commands that start a node: the flags come from the schema of the configuration.
 */
import { type Command, Option } from 'commander'
import { devSettings } from '../config/dev-settings.ts'
import type { ConfigSources } from '../config/load.ts'
import { FLAG_OPTIONS, flagOf } from '../config/tree.ts'

/** `dev`: the defaults that apply there are shown. */
export function addNodeOptions(command: Command, dev = false): Command {
  const given: unknown = dev ? devSettings('') : {}
  command.option('--config <file>', 'YAML or JSON (SLUICE_CONFIG)')
  for (const { path, about } of FLAG_OPTIONS) {
    const shown = valueAt(given, path) ?? about.initial
    const initial = shown === undefined ? '' : `, by default ${shown || 'none'}`
    command.addOption(
      new Option(`${flagOf(path)} <value>`, `${path.join('.')} (${about.env ?? ''}${initial})`),
    )
  }
  return command
}

function valueAt(settings: unknown, path: readonly string[]): string | undefined {
  let value = settings
  for (const key of path) value = (value as Readonly<Record<string, unknown>> | undefined)?.[key]
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

/** What was given on the command line, and the environment under it. */
export function sourcesOf(command: Command, env: NodeJS.ProcessEnv, dev: boolean): ConfigSources {
  const given = command.opts<Readonly<Record<string, string | undefined>>>()
  const flags: Record<string, string> = {}
  for (const { path } of FLAG_OPTIONS) {
    const value = given[new Option(`${flagOf(path)} <value>`).attributeName()]
    if (value !== undefined) flags[path.join('.')] = value
  }
  const file = given['config']
  return { env, dev, flags, ...(file === undefined ? {} : { file }) }
}

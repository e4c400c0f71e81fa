/** What a node loads when it starts: all of it stays in memory for as long as the node lives. */
import { readdirSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { GROUPS, groupsFor } from '../../src/cli/commands.ts'
import { FakeTerminal } from '../unit/cli/fake-terminal.ts'

const folder = new URL('../../dist/bundle/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.js'))

/** Of the bundle: some 1.3 MB were there when this was written. Packages beside it are counted by name below. */
const START_BYTES_MAX = 1_450_000
/** Clients of servers, and what other commands or rare configurations need: each is loaded when it is. */
const LATER = [
  'ioredis',
  '@nats-io/',
  'ws',
  'jose',
  'yaml',
  '@opentelemetry/sdk',
  '@opentelemetry/exporter',
  'node:http',
  'node:https',
  'node:tls',
]

const IMPORT = /^(?:import|export)\b[^;]*?(?:from )?"([^"]+)";$/gm

function importsOf(name: string): string[] {
  return [...readFileSync(new URL(name, folder), 'utf8').matchAll(IMPORT)].map(([, path = '']) => path)
}

/** What is loaded with these, whatever happens then. */
function loadedWith(entries: readonly string[]): {
  readonly parts: Set<string>
  readonly packages: Set<string>
} {
  const parts = new Set<string>()
  const packages = new Set<string>()
  const load = (name: string): void => {
    if (parts.has(name)) return
    parts.add(name)
    for (const path of importsOf(name))
      if (path.startsWith('./')) load(path.slice(2))
      else packages.add(path)
  }
  for (const entry of entries) load(entry)
  return { parts, packages }
}

describe('a node that starts', () => {
  // By what they export: the client of Node.js is called node as well.
  const exporting = (name: string, what: string): string[] =>
    files.filter(
      (file) =>
        file.startsWith(`${name}-`) &&
        new RegExp(`^export \\{[^}]*\\b${what}\\b`, 'm').test(readFileSync(new URL(file, folder), 'utf8')),
    )
  const starts = ['main.js', ...exporting('serve', 'addServe'), ...exporting('node', 'createNode')]
  const { parts, packages } = loadedWith(starts)

  it('loads no more than it needs', () => {
    expect(starts.length).toBe(3)
    expect([...packages]).toEqual(expect.arrayContaining(['commander', 'pino', 'node:crypto']))
    expect(
      [...packages].filter((path) => LATER.some((name) => path === name || path.startsWith(name))),
    ).toEqual([])
    const bytes = [...parts].reduce((sum, name) => sum + readFileSync(new URL(name, folder)).length, 0)
    expect(bytes).toBeLessThan(START_BYTES_MAX)
  })
})

describe('the bundle', () => {
  it('has ASCII alone: another character makes a text twice as long in memory', () => {
    const others = files.filter((name) => readFileSync(new URL(name, folder)).some((byte) => byte > 127))
    expect(others).toEqual([])
  })

  it('has the licence of what is bundled in it', () => {
    expect(readFileSync(new URL('LICENSE.zod', folder), 'utf8')).toContain('Permission is hereby granted')
  })
})

describe('the table of commands', () => {
  it.each(GROUPS.map((group) => [group.names.join(', '), group] as const))(
    'knows by which names %s is asked for',
    async (_, group) => {
      const program = new Command()
      ;(await group.load())(program, new FakeTerminal())
      const known = program.commands.flatMap((command) => [command.name(), ...command.aliases()])
      expect(known).toEqual(group.names)
    },
  )

  it('answers one group for a command, and all for what is none', () => {
    expect(groupsFor(['serve', '--port', '1']).map(({ names }) => names)).toEqual([['serve']])
    expect(groupsFor(['unsubscribe']).map(({ names }) => names)).toEqual([['subscribe', 'unsubscribe']])
    for (const words of [[], ['--help'], ['help', 'serve'], ['sreve']]) expect(groupsFor(words)).toBe(GROUPS)
  })
})

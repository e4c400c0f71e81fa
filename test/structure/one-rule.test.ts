/**
 * A rule that stands in two places is two rules, sooner or later. Here is where each of some small ones is; nothing else in the
 * source writes it down again.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CLOSE } from '../../src/dialect/sluice-v1/codes.ts'

interface Rule {
  readonly name: string
  /** The files that may have it, under `src`. */
  readonly home: RegExp
  /** As it would look in code. Comments are left out, and so are texts for people: those with a blank in them. */
  readonly looks: RegExp
}

const RULES: readonly Rule[] = [
  {
    name: 'a close code',
    // Of a dialect, or of every one. The compiler holds the one code that the SDK knows to the first.
    home: /^(dialect\/sluice-v1\/codes|protocol\/rfc6455|client\/connection-manager)\.ts$/,
    looks: new RegExp(`(?<![\\w.])(${Object.values(CLOSE).join('|')})(?!\\w)`),
  },
  { name: 'Retry-After', home: /^errors\.ts$/, looks: /['"]?retry-after['"]?\s*:|retryAfterMs\s*\/\s*1000/i },
  {
    name: 'the plan of a drain',
    home: /^config\/drain-plan\.ts$/,
    looks: /%\$\/|%\)\?\\\/|\(%\?\)|split\('\/'\).*every/,
  },
  {
    name: 'what an epoch is',
    home: /^protocol\/(position|cursor|ticket)\.ts$/,
    looks: /\[(A-Za-z0-9|a-zA-Z0-9|a-z0-9|a-z\\d|a-zA-Z\\d)\]\{1,32\}/,
  },
  {
    name: 'the cursor, whose parts stand between tildes; a ticket is one of them',
    home: /^(protocol\/(cursor|ticket)|config\/.*)\.ts$/,
    looks: /['"`}]~|~['"`$]|-moved-/,
  },
  {
    name: 'what an id of a message is',
    home: /^protocol\/message-id\.ts$/,
    looks: /\\p\{Cs\}.*FFFD|ID_LENGTH_MAX/,
  },
  {
    name: 'what metadata are',
    home: /^protocol\/metadata\.ts$/,
    looks: /\bHEADER_NAME\b|\bEVENT_BYTES_MAX =|\bEXCLUDE = \/\^/,
  },
  {
    name: 'the list of the transports',
    // The console of operators imports nothing of the gateway; the SDK has ways of its own.
    home: /^(protocol\/transport-name|console\/operator\/shapes|client\/(full|ways))\.ts$/,
    looks: /websocket.*\bsse.*\bpoll/,
  },
  { name: 'what a payload is', home: /^publish\/payload\.ts$/, looks: /\bisNormal\b|JSON_RULE/ },
]

const files = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))

function codeOf(path: string): string {
  const source = readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')
  return source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').replaceAll(/'[^'\n]* [^'\n]*'/g, "''")
}

describe.each(RULES)('$name', ({ home, looks }) => {
  it('is where it belongs', () => {
    expect(files.filter((path) => home.test(path) && looks.test(codeOf(path)))).not.toEqual([])
  })

  it('is nowhere else', () => {
    expect(files.filter((path) => !home.test(path) && looks.test(codeOf(path)))).toEqual([])
  })
})

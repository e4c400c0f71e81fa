/**
 * Who has a message looks it up in docs/guides/troubleshooting.md: what stands there is what the program says, and what the program says
 * to somebody who begins stands there.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)

/** Where a person who begins meets messages: pages, tokens, permissions, the first commands. */
const MET = [
  ...['client', 'auth', 'session'].flatMap((room) => sourcesIn(`src/${room}`)),
  ...['gateway', 'http-door', 'request', 'local-hosts', 'arrivals'].map((name) => `src/edge/${name}.ts`),
  ...['dev', 'publish', 'token'].map((name) => `src/cli/${name}.ts`),
]

/** What needs no page, and why. */
const UNLISTED: Readonly<Record<string, string>> = {
  'page left': 'the page has gone: nobody is there to read it',
  'the tab is gone': 'as above',
  '… belongs to the connection; it cannot be left': 'no client of ours asks for it',
  'ack: …': 'as above',
  'a probe is for a channel that is subscribed, not …': 'as above',
  'the node answered without a token: it is of another version': 'it says all that there is to say',
  '--ttl is …; allowed: a time of at least 1s, such as 10m, 1h or 1d': 'as above',
}

/** Of a template: what stands for a value, one level of braces and templates in it. */
const VALUE = /\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}/g
const LITERAL = `'(?:[^'\\\\\\n]|\\\\.)*'|"(?:[^"\\\\\\n]|\\\\.)*"|\`(?:[^\`\\\\$]|\\\\.|${VALUE.source})*\``
/** A call that makes an error, the code that may come first, and its message as a text or a template. */
const CALL = new RegExp(
  `(?:new (?:ClientError|SluiceError|CommandError)\\(|\\brefused\\()\\s*(?:'[a-z_]+',\\s*)?(${LITERAL})`,
  'g',
)

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

function sourcesIn(folder: string): string[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
}

/** The texts around what is somebody's own. */
function piecesOf(message: string): string[] {
  return message.split('…').filter((piece) => /[A-Za-z]{3}/.test(piece))
}

/** The messages that a page explains: the first cells of its tables that are nothing but one. */
function explainedIn(page: string): string[] {
  return [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message = '']) => message)
}

/** The messages that a source makes errors with. */
function madeIn(source: string): string[] {
  return [...source.matchAll(CALL)]
    .map(([, literal = '']) => literal.slice(1, -1).replaceAll(VALUE, '…').replaceAll(/\\(.)/g, '$1'))
    .filter((message) => piecesOf(message).length > 0 && !/^[a-z_]+$/.test(message))
}

const page = read('docs/guides/troubleshooting.md')
const explained = explainedIn(page)
const sources = sourcesIn('src').map((path) => read(path))
const covers = (message: string): boolean =>
  explained.some((one) => piecesOf(message).every((piece) => one.includes(piece.trim())))

describe('docs/guides/troubleshooting.md', () => {
  it('explains only what the program says', () => {
    const madeUp = explained.filter(
      (message) =>
        !sources.some((source) => piecesOf(message).every((piece) => source.includes(piece.trim()))),
    )
    expect(madeUp).toEqual([])
  })

  it.each(MET)('explains the messages of %s', (path) => {
    const missing = madeIn(read(path)).filter((message) => !(message in UNLISTED) && !covers(message))
    expect(missing).toEqual([])
  })

  it('leaves nothing out that is not said any more', () => {
    const said = MET.flatMap((path) => madeIn(read(path)))
    expect(Object.keys(UNLISTED).filter((message) => !said.includes(message))).toEqual([])
  })

  it('finds the messages of a source, and those of a page', () => {
    expect(explained.length).toBeGreaterThan(80)
    expect(
      madeIn("throw new SluiceError('forbidden', `the ${kind === 'a' ? `b` : 'c'} of ${name} is late`)"),
    ).toEqual(['the … of … is late'])
    expect(covers('the moon does not answer')).toBe(false)
  })
})

/**
 * The documents say what the sources say: links lead somewhere, every code is explained, and what is shown as a frame
 * is one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { CLOSE, reconnectAfter, type Reconnect } from '../../src/dialect/sluice-v1/codes.ts'
import { decodeBinary, decodeText } from '../../src/dialect/sluice-v1/decode.ts'
import { JSON_DEPTH_DEFAULT } from '../../src/protocol/json.ts'

const ROOT = new URL('../../', import.meta.url)
/** The words with which the table of close codes says each of them. */
const SAID: Record<Reconnect, string> = {
  now: 'reconnects at once',
  backoff: 'reconnects with backoff',
  token: 'gets a fresh token',
  never: 'stays away',
}
/** An event of SSE that no WebSocket has: the stream's close frame. */
const SSE_ONLY = 'closing'

interface Fence {
  readonly language: string
  readonly text: string
}

interface Shown {
  readonly sender: 'client' | 'gateway' | 'either'
  readonly text: string
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

function fencesOf(markdown: string): Fence[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
}

function withoutFences(markdown: string): string {
  return markdown.replaceAll(/^```\w*\n[\s\S]*?^```$/gm, '')
}

function linksOf(markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchors of the headings, as code hosts make them. */
function anchorsOf(markdown: string): string[] {
  return [...withoutFences(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** What is wrong with a link of a document, or nothing. */
function faultOf(document: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? document : posix.join(posix.dirname(document), path)
  if (!existsSync(new URL(target, ROOT))) return `${document} links to ${link}, which is not there`
  if (anchor === undefined || anchorsOf(read(target)).includes(anchor)) return undefined
  return `${document} links to ${link}, and ${target} has no such heading`
}

/** The first cells and the rest of the rows of all tables. */
function rowsOf(markdown: string): Map<string, string> {
  const rows = [...markdown.matchAll(/^\| `?([^|`]+?)`? +\|(.*)\|$/gm)]
  return new Map(rows.map(([, first = '', rest = '']) => [first, rest]))
}

/** The frames of `json` fences, of lines that say who sends them, and of the data lines of a stream. */
function framesOf(fences: readonly Fence[]): Shown[] {
  return fences.flatMap(({ language, text }): Shown[] => {
    if (language === 'json') return [{ sender: 'either', text }]
    return [...text.matchAll(/^(>|<|data:) (\{.*\})$/gm)].map(([, sign, frame = '']) => ({
      sender: sign === '>' ? 'client' : 'gateway',
      text: frame,
    }))
  })
}

/** The types of the frames in one of the two unions of `frames.ts`. */
function typesOf(union: 'ClientFrame' | 'ServerFrame'): string[] {
  const source = read('src/dialect/sluice-v1/frames.ts')
  const members = new RegExp(`export type ${union} =\\n((?: +\\| \\w+\\n)+)`).exec(source)?.[1] ?? ''
  return [...members.matchAll(/\| (\w+)/g)].flatMap(([, name = '']) => {
    const line = new RegExp(`interface ${name} \\{\\s+readonly type: (.+)`).exec(source)?.[1] ?? ''
    return [...line.matchAll(/'(\w+)'/g)].map(([, type = '']) => type)
  })
}

/** The bytes of a fence that shows them in hexadecimal, before what explains them. */
function bytesOf(text: string): Uint8Array {
  const lines = text.split('\n').map((line) => /^(?:[\da-f]{2} ?)+(?= {2,}|$)/.exec(line)?.[0] ?? '')
  return Buffer.from(lines.join('').replaceAll(' ', ''), 'hex')
}

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(new URL('docs/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const protocol = read('docs/protocol.md')
const rows = rowsOf(protocol)
const fences = fencesOf(protocol)
const frames = framesOf(fences)
const clientTypes = typesOf('ClientFrame')
const serverTypes = typesOf('ServerFrame')

describe('the documents', () => {
  it.each(documents)('%s links to what is there', (document) => {
    expect(linksOf(read(document)).flatMap((link) => faultOf(document, link) ?? [])).toEqual([])
  })

  it.each(documents)('%s names commands of npm that are there', (document) => {
    const named = [...read(document).matchAll(/\bnpm run (?:--silent )?([\w:-]+)/g)].map(
      ([, name = '']) => name,
    )
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

describe('docs/protocol.md', () => {
  it.each(Object.values(CLOSE))('says what a client does about %d', (code) => {
    expect(rows.get(String(code))).toContain(SAID[reconnectAfter(code)])
  })

  it.each(Object.entries(ERRORS))('explains %s with its status', (code, { status, retryable }) => {
    const cells = (rows.get(code) ?? '').split('|').map((cell) => cell.trim())
    expect(cells.slice(0, 2)).toEqual([String(status), retryable ? 'yes' : 'no'])
  })

  it.each([...new Set([...clientTypes, ...serverTypes])])('names the frame %s in a table', (type) => {
    expect(protocol).toMatch(new RegExp(`^\\| (?:\`\\w+\`, )*\`${type}\``, 'm'))
  })

  it.each(frames)('shows a frame of the $sender that is one: $text', ({ sender, text }) => {
    const { type } = JSON.parse(text) as { type: string }
    if (sender === 'client' || (sender === 'either' && clientTypes.includes(type))) {
      expect(decodeText(text, JSON_DEPTH_DEFAULT)).toMatchObject({ type })
    } else {
      expect([...serverTypes, SSE_ONLY]).toContain(type)
    }
  })

  it('shows binary frames that are ones', () => {
    const [sent, received] = fences
      .filter(({ text }) => text.startsWith('00 00'))
      .map(({ text }) => bytesOf(text))
    expect(decodeBinary(sent as Uint8Array, JSON_DEPTH_DEFAULT)).toMatchObject({
      ...{ type: 'publish', ref: 4, channel: 'news' },
      payload: { binary: true, data: Buffer.of(0xca, 0xfe) },
    })
    const bytes = Buffer.from(received as Uint8Array)
    const end = 4 + bytes.readUInt32BE(0)
    expect(JSON.parse(bytes.toString('utf8', 4, end))).toMatchObject({ type: 'message', offset: 3 })
    expect(bytes.subarray(end)).toEqual(Buffer.of(0xca, 0xfe))
  })
})

describe('this test', () => {
  it('reads the sources and the page', () => {
    expect(clientTypes).toEqual(expect.arrayContaining(['connect', 'ping']))
    expect(serverTypes).toEqual(expect.arrayContaining(['welcome', 'join', 'leave', 'pong']))
    expect(frames.map(({ sender }) => sender)).toEqual(
      expect.arrayContaining(['client', 'gateway', 'either']),
    )
    expect(documents.flatMap((document) => linksOf(read(document))).length).toBeGreaterThan(20)
  })

  it.each(['nowhere.md', 'protocol.md#no-such-heading', '#no-such-heading'])(
    'finds a dead link: %s',
    (link) => {
      expect(faultOf('docs/protocol.md', link)).toBeDefined()
    },
  )

  it('takes a link to a heading', () => {
    expect(faultOf('docs/semantics.md', 'protocol.md#error-codes')).toBeUndefined()
  })
})

/**
 * Imports go one way. A room may import rooms of lower ranks only, never one of its own rank: that is what lets each
 * part be replaced, and tested alone.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'

/** By the folder under `src`, or by the name of a file that stands in `src` itself. */
const RANKS: readonly (readonly string[])[] = [
  [
    'protocol',
    'errors.ts',
    'clock.ts',
    'answer.ts',
    'wheel.ts',
    'rounds.ts',
    'keyed-table.ts',
    'seal.ts',
    'hmac.ts',
    'freshness.ts',
    'package-version.ts',
    'tracing.ts',
    'turns.ts',
    'first-of.ts',
    'package-names.ts',
  ],
  ['config', 'observe', 'drivers'],
  ['acks', 'backbone', 'registry', 'replay', 'presence', 'occupancy', 'auth', 'admission'],
  ['cluster', 'hub', 'publish', 'webhooks'],
  ['session'],
  // The contract of a wire protocol; each of them is a room of its own.
  ['dialect'],
  ['transport', 'dialect/*', 'drain'],
  ['edge'],
  ['api', 'console'],
  ['node'],
  ['cli', 'index.ts'],
]

/** Rooms that share code with the gateway but run elsewhere. */
const PORTABLE: Readonly<Record<string, readonly string[]>> = {
  client: ['protocol', 'dialect/sluice-v1'],
  'console/page': ['client', 'protocol', 'package-names.ts'],
  'console/operator': [],
}

/** Of the dialect that the SDK speaks: what crosses the wire, and what it means. */
const SPOKEN = /^dialect\/sluice-v1\/(?:frames|codes)\.ts$/

/** Where a foreign package may be imported: it has one door. */
const DOORS: readonly (readonly [pkg: RegExp, door: RegExp])[] = [
  [/^@trufflesuite\/uws-js-unofficial$/, /^drivers\/uws-binary\.ts$/],
  [/^koffi$/, /^drivers\/c-library\.ts$/],
  [
    /^@nats-io\//,
    /^drivers\/(?:nats(?:-identity|-options|-errors|-headers|-wanted)?|jetstream(?:-errors|-streams)?)\.ts$/,
  ],
  [/^ioredis$/, /^drivers\/(?:redis|redis-clients|redis-survey|former-primary|sentinels)\.ts$/],
  [/^@opentelemetry\//, /^drivers\/opentelemetry\.ts$/],
  [/^jose$/, /^auth\//],
  [/^pino$/, /^observe\//],
  [/^zod$/, /^(?:config|api)\//],
  [/^yaml$/, /^config\//],
  [/^commander$/, /^cli\//],
  [/^(?:preact|uplot)(?:\/|$)/, /^console\/operator\//],
  [/^ws$/, /^(?:client\/node|drivers\/ws)\.ts$/],
  [/^node:/, /^(?!console\/(?:page|operator)\/|client\/(?!node\.ts$))/],
]

/** Which implementation of a part runs is decided in one place. */
const IMPLEMENTATION =
  /^(?:acks|backbone|registry|replay|presence|webhooks)\/(?:memory|redis|nats|mesh|jetstream)[\w-]*\.ts$/
const ROOT = /^node\//

const files = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path))

function sourceOf(path: string): string {
  return readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')
}

/** Of statements, re-exports, `import()` and `import type`: a type binds two rooms as well. */
function specifiersOf(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const statements =
    /(?:^|[;\n])\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
  return [...code.matchAll(statements)].map(([, statement, call]) => (statement ?? call) as string)
}

function roomOf(path: string): string {
  const [page] = /^console\/(?:page|operator)(?=\/)/.exec(path) ?? []
  if (page !== undefined) return page
  const dialect = /^dialect\/[^/]+(?=\/)/.exec(path)
  if (dialect !== null) return dialect[0]
  return path.includes('/') ? (path.split('/')[0] as string) : path
}

function rankOf(room: string): number | undefined {
  const row = room.startsWith('dialect/') ? 'dialect/*' : room
  const rank = RANKS.findIndex((rooms) => rooms.includes(row))
  return rank === -1 ? undefined : rank
}

/** What is wrong with one import, or nothing. */
function faultOf(path: string, specifier: string): string | undefined {
  const room = roomOf(path)
  if (!specifier.startsWith('.')) {
    const door = DOORS.find(([pkg]) => pkg.test(specifier))?.[1]
    if (door === undefined) return `${path} imports ${specifier}, which has no door in this test`
    return door.test(path) ? undefined : `${path} imports ${specifier}, which only ${door.source} may`
  }
  if (!/\.tsx?$/.test(specifier)) return `${path} imports ${specifier} without its ending .ts`
  const target = posix.normalize(posix.join(posix.dirname(path), specifier))
  const targetRoom = roomOf(target)
  if (targetRoom === room) return undefined
  if (IMPLEMENTATION.test(target) && !ROOT.test(path)) {
    return `${path} imports ${target}: only node/ chooses`
  }
  const portable = PORTABLE[room]
  if (portable !== undefined) {
    const may = portable.includes(targetRoom) && (!targetRoom.startsWith('dialect/') || SPOKEN.test(target))
    return may ? undefined : `${path} imports ${target}, but is portable`
  }
  // The command line tool is a client, too.
  if (room === 'cli' && targetRoom === 'client') return undefined
  const rank = rankOf(room)
  const targetRank = rankOf(targetRoom)
  if (rank === undefined || targetRank === undefined) {
    return `${path} imports ${target}, and ${rank === undefined ? room : targetRoom} has no rank in this test`
  }
  // The files of rank 0 are one floor; the protocol is shared with clients and imports none of them.
  const down = targetRank < rank || (rank === 0 && targetRank === 0 && room !== 'protocol')
  return down ? undefined : `${path} (rank ${rank}) imports ${target} (rank ${targetRank})`
}

function faultsOf(path: string, source: string): string[] {
  return specifiersOf(source).flatMap((specifier) => faultOf(path, specifier) ?? [])
}

/** The file and all that it imports, directly or not. */
function closureOf(start: string): ReadonlySet<string> {
  const reached = new Set([start])
  for (const path of reached) {
    if (!files.includes(path)) continue
    for (const specifier of specifiersOf(sourceOf(path))) {
      reached.add(specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier)
    }
  }
  return reached
}

describe('the sources', () => {
  it('are where this test looks', () => {
    expect(files).toEqual(expect.arrayContaining(['errors.ts', 'config/load.ts', 'hub/feed.ts']))
    expect(specifiersOf(sourceOf('hub/feed.ts')).length).toBeGreaterThan(0)
  })

  it.each(files)('%s imports only what its rank allows', (path) => {
    expect(faultsOf(path, sourceOf(path))).toEqual([])
  })

  it('have one type of a name in each room', () => {
    const homes = new Map<string, string[]>()
    for (const path of files)
      for (const [, name = ''] of sourceOf(path).matchAll(/^export (?:interface|type|class) (\w+)/gm)) {
        const key = `${roomOf(path)}: ${name}`
        homes.set(key, [...(homes.get(key) ?? []), path])
      }
    expect([...homes].filter(([, paths]) => paths.length > 1)).toEqual([])
  })

  it('what runs in a browser reaches no module of Node.js', () => {
    const portable = files.filter(
      (path) => Object.hasOwn(PORTABLE, roomOf(path)) && path !== 'client/node.ts',
    )
    const reached = portable.flatMap((path) => [...closureOf(path)])
    expect(reached.filter((module) => module.startsWith('node:'))).toEqual([])
    expect([...closureOf('protocol/cursor.ts')]).toContain('node:crypto')
  })

  it.each(files)('%s has named exports only', (path) => {
    expect(sourceOf(path)).not.toMatch(/^export default\b/m)
  })
})

describe('this test finds', () => {
  it.each([
    ['an import of a higher rank', 'hub/feed.ts', "import { Session } from '../session/session.ts'"],
    ['a type of a higher rank', 'hub/feed.ts', "import type { Session } from '../session/session.ts'"],
    ['a neighbour', 'registry/redis.ts', "import { ReplayLog } from '../replay/replay-log.ts'"],
    [
      'a neighbour in a statement of several lines',
      'transport/sse.ts',
      "import {\n  a,\n  b,\n} from '../drain/drain.ts'",
    ],
    ['a re-export', 'hub/hub.ts', "export { x } from '../api/router.ts'"],
    ['a lazy import', 'hub/hub.ts', "const x = await import('../api/router.ts')"],
    ['an import for its effects', 'hub/hub.ts', "import '../api/router.ts'"],
    ['the protocol importing anything', 'protocol/json.ts', "import { SluiceError } from '../errors.ts'"],
    ['the client importing the gateway', 'client/client.ts', "import { systemClock } from '../clock.ts'"],
    ['the session importing a dialect', 'session/session.ts', "import '../dialect/sluice-v1/frames.ts'"],
    ['the hub importing the contract of dialects', 'hub/hub.ts', "import '../dialect/dialect.ts'"],
    ['a dialect importing another', 'dialect/other/x.ts', "import '../sluice-v1/frames.ts'"],
    ['a transport importing a dialect', 'transport/sse.ts', "import '../dialect/sluice-v1/encode.ts'"],
    [
      'the client importing how the gateway reads',
      'client/socket.ts',
      "import '../dialect/sluice-v1/decode.ts'",
    ],
    ['the client importing the platform', 'client/client.ts', "import { readFileSync } from 'node:fs'"],
    ['a second door', 'transport/websocket.ts', "import uWS from '@trufflesuite/uws-js-unofficial'"],
    ['a second door to NATS', 'backbone/nats.ts', "import { connect } from '@nats-io/transport-node'"],
    ['tokens outside of auth', 'cli/token.ts', "import { SignJWT } from 'jose'"],
    [
      'a choice outside of the root',
      'publish/publisher.ts',
      "import { RedisReplayLog } from '../replay/redis.ts'",
    ],
    ['a package without a door', 'hub/hub.ts', "import x from 'left-pad'"],
    ['a room without a rank', 'attic/box.ts', "import { ERRORS } from '../errors.ts'"],
    ['a missing ending', 'hub/hub.ts', "import { Feed } from './feed'"],
  ])('%s', (_, path, source) => {
    expect(faultsOf(path, `/** Text. */\n${source}\n`)).toHaveLength(1)
  })

  it.each([
    ['an import of a lower rank', 'hub/hub.ts', "import type { Backbone } from '../backbone/backbone.ts'"],
    ['the own room', 'hub/hub.ts', "import { Feed } from './feed.ts'"],
    [
      'the client importing what crosses the wire',
      'client/socket.ts',
      "import '../dialect/sluice-v1/frames.ts'",
    ],
    ['the choice at the root', 'node/stores.ts', "import { RedisReplayLog } from '../replay/redis.ts'"],
    [
      'an example in a comment',
      'hub/hub.ts',
      "/**\n * import { x } from '../api/router.ts'\n */\n// import '../api/x.ts'",
    ],
  ])('nothing in %s', (_, path, source) => {
    expect(faultsOf(path, source)).toEqual([])
  })
})

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { INTERNAL, neighbours, shortNames } from '../../scripts/short-names.mjs'
import * as source from '../../src/client/index.ts'
import { BUNDLES } from '../support/bundle-sizes.ts'

/** What a page loads that has no bundler of its own. */

const GZIP_BYTES_MAX = BUNDLES['sluice.min.js']
const WEBSOCKET_GZIP_BYTES_MAX = BUNDLES['sluice.websocket.min.js']
const EXPORTED = ['ClientError', 'SluiceClient', 'Unauthorized', 'VERSION', 'WebSocketClient']

/** Of which half is the library that draws the charts. */
const CONSOLE_GZIP_BYTES_MAX = 50_000

const root = new URL('../../', import.meta.url)
const bundle = (name: string): string => readFileSync(new URL(`packages/client/dist/${name}`, root), 'utf8')

beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL('scripts/build.mjs', root))])
})

describe.each(['sluice.min.js', 'sluice.global.js'])('%s', (name) => {
  it(`is at most ${GZIP_BYTES_MAX} bytes, gzipped`, () => {
    expect(gzipped(name)).toBeLessThanOrEqual(GZIP_BYTES_MAX)
  })

  it('needs nothing that is not in it', () => {
    expect(bundle(name)).not.toMatch(/\brequire\(|\bimport\b|node:|\bprocess\.|\bBuffer\b/)
  })
})

/** The modules of an import as a page's own bundler takes them, with what each of them adds, minified. */
async function parts(imported: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: {
      contents: `export ${imported} from './src/client/index.ts'`,
      resolveDir: fileURLToPath(root),
    },
    bundle: true,
    minify: true,
    metafile: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  })
  const [output] = Object.values(metafile.outputs)
  return Object.entries(output?.inputs ?? {})
    .toSorted(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)
    .map(([path, { bytesInOutput }]) => `${bytesInOutput} ${path}`)
}

const gzipped = (name: string): number => gzipSync(bundle(name), { level: 9 }).length

it('says what each part costs', async () => {
  console.info(
    [
      `sluice.min.js: ${gzipped('sluice.min.js')} bytes, gzipped; minified, by parts:`,
      ...(await parts('*')),
      `sluice.websocket.min.js: ${gzipped('sluice.websocket.min.js')} bytes, gzipped`,
    ].join('\n'),
  )
})

it(`WebSocketClient alone is at most ${WEBSOCKET_GZIP_BYTES_MAX} bytes, gzipped, and has none of the rest`, async () => {
  const modules = await parts('{ WebSocketClient }')
  // Where it is too much, this says what each part costs, minified.
  expect(gzipped('sluice.websocket.min.js'), modules.join('\n')).toBeLessThanOrEqual(WEBSOCKET_GZIP_BYTES_MAX)
  expect(modules.filter((line) => /http-socket|full|hedge|way-choice|history/.test(line))).toEqual([])
})

it(`sluice.presence.min.js is a module of at most ${BUNDLES['sluice.presence.min.js']} bytes, gzipped, that works with the client of another file`, async () => {
  expect(gzipped('sluice.presence.min.js')).toBeLessThanOrEqual(BUNDLES['sluice.presence.min.js'])
  const { Presence } = (await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(bundle('sluice.presence.min.js'))}`
  )) as { readonly Presence: typeof import('../../src/client/presence.ts').Presence }
  const listeners = new Map<string, (frame: never) => void>()
  // As the other file has it: by its public names.
  const room = new Presence(
    {
      state: 'connected',
      user: 'ann',
      subscribe: () => ({ unsubscribe: () => undefined }) as never,
      on: (event: string, listener: (frame: never) => void) => {
        listeners.set(event, listener)
        return () => undefined
      },
      ask: () => Promise.resolve({ users: ['ann'], data: { ann: 1 } }),
    },
    'room:1',
  )
  await expect.poll(() => [...room.members]).toEqual([['ann', 1]])
  listeners.get('join')?.({ type: 'join', channel: 'room:1', user: 'bob', data: 2, count: 2 } as never)
  expect([...room.members]).toEqual([
    ['ann', 1],
    ['bob', 2],
  ])
  expect(room.me).toEqual({ user: 'ann', data: 1 })
  room.close()
})

it('sluice.min.js is a module', async () => {
  const exported: unknown = await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(bundle('sluice.min.js'))}`
  )
  expect(Object.keys(exported as object).toSorted()).toEqual([...EXPORTED, 'traceOf'])
})

describe('short names', () => {
  it('leave what applications and the gateway know as it is', async () => {
    const minified = (await import(
      /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(bundle('sluice.min.js'))}`
    )) as typeof source
    const namesOf = (some: { readonly prototype: object }): string[] =>
      Object.getOwnPropertyNames(some.prototype).toSorted()
    const classes: [{ readonly prototype: object }, { readonly prototype: object }][] = [
      [source.ClientError, minified.ClientError],
      [source.SluiceClient, minified.SluiceClient],
      [source.Unauthorized, minified.Unauthorized],
      [source.WebSocketClient, minified.WebSocketClient],
    ]
    for (const [written, made] of classes) {
      const known = namesOf(written).filter((one) => !INTERNAL.includes(one))
      // Those that are left are short, and as no field of an application is called.
      const shown = namesOf(made).filter((one) => !/^\$\w$/.test(one))
      expect(shown).toEqual(known)
    }
    const wire = readFileSync(new URL('src/dialect/sluice-v1/frames.ts', root), 'utf8')
    const options = readFileSync(new URL('src/client/options.ts', root), 'utf8')
    const fields = [...`${wire}${options}`.matchAll(/^ *(?:readonly )?(\w+)\??: /gm)].map(([, name]) => name)
    expect(fields).toEqual(expect.arrayContaining(['offset', 'pingInterval', 'requestTimeoutMs']))
    expect(fields.filter((name) => INTERNAL.includes(name as string))).toEqual([])
  })

  it('are different ones where something has both, whatever is wished', () => {
    const beside = neighbours()
    expect(beside.size).toBeGreaterThan(150)
    for (const wanted of [undefined, {}, Object.fromEntries([...beside.keys()].map((name) => [name, 't']))]) {
      const short = shortNames(wanted)
      for (const [name, others] of beside) {
        expect(short[name]).toMatch(/^\$?[A-Za-z]$/)
        for (const other of others) expect(short[other], `${name} and ${other}`).not.toBe(short[name])
      }
    }
  })
})

it('sluice.global.js makes a global `sluice` and no other', () => {
  const sandbox = { TextEncoder, TextDecoder }
  vm.runInNewContext(bundle('sluice.global.js'), sandbox)
  expect(Object.keys(sandbox)).toEqual(['TextEncoder', 'TextDecoder', 'sluice'])
  expect(Object.keys((sandbox as unknown as { readonly sluice: object }).sluice).toSorted()).toEqual(EXPORTED)
})

describe('the console of operators', () => {
  const files = ['index.html', 'console.js', 'console.css', 'console.svg'] as const
  const built = (name: string): string => readFileSync(new URL(`dist/console/operator/${name}`, root), 'utf8')

  it(`is at most ${CONSOLE_GZIP_BYTES_MAX} bytes in all, gzipped`, () => {
    const bytes = files.reduce((sum, name) => sum + gzipSync(built(name), { level: 9 }).length, 0)
    expect(bytes).toBeLessThanOrEqual(CONSOLE_GZIP_BYTES_MAX)
  })

  it('loads nothing from elsewhere, and has no script or style in its page', () => {
    for (const name of files)
      expect(built(name).replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, '')).not.toMatch(
        /https?:\/\/[a-z]|@import/i,
      )
    expect(built('index.html')).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=/)
  })
})

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultsOf, programOf, ts, type TsNode, type TsSymbol } from './typescript-5-0.ts'
import * as source from '../../src/client/index.ts'
import { InstalledPackages } from '../support/installed-packages.ts'

/** The SDK as it is installed: by whichever module system, compiler and setting. */

const EXPORTS = Object.keys(source).toSorted()

const APPLICATION = `
import { type ClientError, type Message, type SluiceClientOptions, type WelcomeFrame } from '@sluice/client'
import { createClient } from '@sluice/client/node'
import { Presence } from '@sluice/client/presence'

const options: SluiceClientOptions = { url: 'ws://127.0.0.1:8080/v1/ws', token: 'a token', WebSocket }
const client: SluiceClient = createClient(options)
export const other = new SluiceClient(options)
export const shown: Message[] = []
client.on('welcome', (welcome: WelcomeFrame) => console.log(welcome.resumed))
client.subscribe('news', (message) => void shown.push(message), { onError: (error: ClientError) => console.log(error.code) })
export const sent = client.publish('news', new Uint8Array([1]))
// @ts-expect-error -- types are there, and not any
client.publish(42, 1)
const there = new Presence<{ name: string }>(client, 'room:1')
export const name = there.me?.data?.name
export const asked: Promise<number> = client.request<number>('ask:1', [1, 2])
client.subscribe('news', () => undefined).on<number>('price', ({ data, event }) => data.toFixed() + event)
`

/** The types of channels, beside it: the compiler of this tree has them in `npm run typecheck`. */
const CHANNEL_MAP = readFileSync(new URL('channel-map.ts', import.meta.url), 'utf8')

let installed: InstalledPackages

beforeAll(() => {
  installed = new InstalledPackages(false)
  for (const kind of ['ts', 'mts', 'cts'])
    installed.write(`application.${kind}`, `${CHANNEL_MAP}${APPLICATION}`)
})
afterAll(() => installed.remove())

function evaluated(flags: readonly string[], code: string): unknown {
  const printed = execFileSync(process.execPath, [...flags, '-e', code], {
    cwd: installed.folder,
    encoding: 'utf8',
  })
  return JSON.parse(printed)
}

describe('the package of the SDK', () => {
  it('installs nothing but itself', () => {
    expect(readdirSync(installed.path('node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      '@sluice',
    ])
    expect(readdirSync(installed.path('node_modules/@sluice'))).toEqual(['client'])
  })

  it('runs nothing where it is installed', () => {
    const { scripts } = JSON.parse(installed.read('node_modules/@sluice/client/package.json')) as {
      readonly scripts: object
    }
    expect(Object.keys(scripts)).toEqual(['prepack'])
  })

  it('is there by import and by require', () => {
    const imported = `import * as all from '@sluice/client'; console.log(JSON.stringify(Object.keys(all).sort()))`
    expect(evaluated(['--input-type=module'], imported)).toEqual(EXPORTS)
    const required = `console.log(JSON.stringify(Object.keys(require('@sluice/client')).sort()))`
    expect(evaluated(['--input-type=commonjs'], required)).toEqual(EXPORTS)
  })

  it('says what to install where the WebSocket of `ws` is wanted and not there', () => {
    const { stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `import '@sluice/client/node'`],
      { cwd: installed.folder, encoding: 'utf8' },
    )
    expect(stderr).toContain(`Cannot find package 'ws'`)
  })

  it('has files for pages without a bundler, by their names', () => {
    const code = `console.log(JSON.stringify(['min', 'global', 'presence.min'].map((kind) => import.meta.resolve('@sluice/client/sluice.' + kind + '.js'))))`
    const paths = evaluated(['--input-type=module'], code) as string[]
    expect(paths.map((path) => path.split('/').at(-1))).toEqual([
      'sluice.min.js',
      'sluice.global.js',
      'sluice.presence.min.js',
    ])
  })

  it('has the sources in every source map', () => {
    const dist = 'node_modules/@sluice/client/dist'
    const maps = readdirSync(installed.path(dist), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.map'),
    )
    expect(maps).toEqual(expect.arrayContaining(['sluice.min.js.map', 'esm/client/client.js.map']))
    for (const path of maps) {
      const { sources, sourcesContent } = JSON.parse(installed.read(dist, path)) as Record<string, string[]>
      expect(sourcesContent, path).toHaveLength(sources?.length ?? -1)
      for (const text of sourcesContent ?? []) expect(text.length, path).toBeGreaterThan(0)
    }
  })
})

const STRICT = { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom'] }

describe('the types of the SDK', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
    ['commonjs', 'node'],
  ])(
    'are taken by TypeScript 5.0 with module %s and moduleResolution %s, without skipLibCheck',
    (module, moduleResolution) => {
      expect(ts.version).toMatch(/^5\.0\./)
      // A module of either kind, where the setting tells them apart.
      const files = module === 'nodenext' ? ['application.mts', 'application.cts'] : ['application.ts']
      const program = programOf(
        files.map((name) => installed.path(name)),
        { ...STRICT, module, moduleResolution },
      )
      expect(faultsOf(program)).toEqual([])
    },
  )

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('are taken by the current one with module %s and moduleResolution %s', (module, moduleResolution) => {
    const compiler = createRequire(import.meta.url).resolve('typescript/package.json')
    const { stdout, status } = spawnSync(
      process.execPath,
      [
        compiler.replace('package.json', 'bin/tsc'),
        ...['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom'],
        ...['--module', module, '--moduleResolution', moduleResolution],
        ...(module === 'nodenext' ? ['application.mts', 'application.cts'] : ['application.ts']),
      ],
      { cwd: installed.folder, encoding: 'utf8' },
    )
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  it('export every type that a signature names', () => {
    const file = installed.path('node_modules/@sluice/client/dist/esm/client/index.d.ts')
    const program = programOf([file], { ...STRICT, module: 'nodenext', moduleResolution: 'nodenext' })
    const checker = program.getTypeChecker()
    const index = checker.getSymbolAtLocation(program.getSourceFile(file))
    const resolved = (symbol: TsSymbol): TsSymbol =>
      (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
    const exported = new Set(checker.getExportsOfModule(index).map(resolved))
    const missing = new Set<string>()
    const visit = (node: TsNode): void => {
      const isBase = node.kind === ts.SyntaxKind.ExpressionWithTypeArguments
      const name = node.typeName ?? (isBase ? node.expression : undefined)
      const found = name === undefined ? undefined : checker.getSymbolAtLocation(name)
      const symbol = found === undefined ? undefined : resolved(found)
      const [declared] = symbol?.declarations ?? []
      const isOurs = declared?.getSourceFile().fileName.includes('/@sluice/client/') === true
      const isParameter = declared?.kind === ts.SyntaxKind.TypeParameter
      if (symbol !== undefined && isOurs && !isParameter && !exported.has(symbol)) missing.add(symbol.name)
      ts.forEachChild(node, visit)
    }
    expect(exported.size).toBeGreaterThan(10)
    for (const { declarations = [] } of exported) for (const declaration of declarations) visit(declaration)
    expect([...missing]).toEqual([])
  })
})

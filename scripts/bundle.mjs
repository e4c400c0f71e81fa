/**
 * Builds the client for browsers that load it without a bundler of their own: `sluice.min.js` (an ES module), `sluice.websocket.min.js` (the
 * same with nothing but WebSockets), `sluice.presence.min.js` (presence, beside one of these) and `sluice.global.js` (a script that makes a
 * global `sluice`), each with a source map that has the sources.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { minify } from 'terser'
import { client, EXTENDED, INTERNAL, shortNames, WORDS } from './short-names.mjs'

const shared = {
  bundle: true,
  minify: true,
  sourcemap: 'external',
  sourcesContent: true,
  // What every browser of the last years runs, with private fields as they are: rewritten, they cost kilobytes.
  target: 'es2022',
  format: 'esm',
  platform: 'browser',
  legalComments: 'none',
}
const root = fileURLToPath(new URL('..', import.meta.url))
const WORD = new RegExp(`'(${WORDS.join('|')})'`, 'g')
const short = shortNames()
const PRIVATE = /#(?=[a-z])/g
/** What applications write, and the gateway, has longer names than those that are given here. */
const NAMED_SHORTLY = /(?<![.\d])\.[$]?[A-Za-z]\b/

/** By what the bundler is given. */
const sources = new Map()

/** What no application can reach needs no `#`: a kilobyte of them, and a declaration of each field. */
const openPrivates = {
  name: 'open-privates',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/client\/[\w-]+\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      if (EXTENDED.includes(basename(path))) return { contents: text, loader: 'ts' }
      // As long as before, so that the source map is right. What has no value at the beginning has no code either.
      const contents = text
        .replaceAll(PRIVATE, '$')
        .replaceAll(/^ +(?=(readonly )?\$\w+: [^=]*$)/gm, '$&declare ')
        .replaceAll(WORD, (quoted, word) => `'${short[word]}'`.padEnd(quoted.length))
      sources.set(contents, text)
      return { contents, loader: 'ts' }
    })
  },
}

/** The names of the client as the bundler leaves them, then as they shall be. */
const named = (names) =>
  Object.fromEntries(Object.entries(names).map(([long, letter]) => [`$${long}`, letter]))

/** One file by the bundler, with what its source map has. */
export async function joined(options) {
  const { outputFiles } = await build({
    ...shared,
    outdir: root,
    ...options,
    plugins: [openPrivates],
    write: false,
  })
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text
  const map = JSON.parse(text('.map'))
  return {
    code: text('.js'),
    map: { ...map, sourcesContent: map.sourcesContent.map((given) => sources.get(given) ?? given) },
  }
}

/** The second minifier takes off what is some four hundred bytes, gzipped. */
export function minified(name, { code, map }, names, isModule = true) {
  const taken = NAMED_SHORTLY.exec(code)
  if (taken) throw new Error(`${name}: ${taken[0]} is as short as a name that was made shorter`)
  return minify(
    { [name]: code },
    {
      module: isModule,
      ecma: 2022,
      compress: {
        passes: 3,
        // These two make the text shorter, and what it is packed into longer.
        sequences: false,
        comparisons: false,
        // Nobody has put something else in the place of what the language has.
        unsafe: true,
        unsafe_arrows: true,
        hoist_funs: true,
        lhs_constants: false,
        inline: 1,
        unsafe_methods: true,
        keep_fargs: false,
        pure_getters: true,
      },
      // Also those that have the name of something of the platform: the client uses nothing of it that is called so.
      mangle: {
        properties: { builtins: true, regex: new RegExp(`^(\\$.*|${INTERNAL.join('|')})$`) },
      },
      nameCache: { props: { props: named(names) } },
      sourceMap: { content: map, url: `${name}.map`, includeSources: true },
    },
  )
}

async function write({ outfile, ...options }) {
  const name = basename(outfile)
  const { code, map } = await minified(name, await joined(options), short, options.format !== 'iife')
  // A name that is a text, too, is looked up by it somewhere.
  const looked = INTERNAL.filter((internal) => new RegExp(`["'\`]${internal}["'\`]`).test(code))
  if (looked.length > 0) throw new Error(`${name}: ${looked.join(', ')} may not be made shorter`)
  await mkdir(dirname(outfile), { recursive: true })
  await writeFile(outfile, code)
  await writeFile(`${outfile}.map`, map)
}

/** What goes into which file. */
export const ENTRIES = {
  'sluice.min.js': { entryPoints: [join(client, 'index.ts')] },
  'sluice.websocket.min.js': {
    stdin: {
      contents: "export { ClientError, Unauthorized, VERSION, WebSocketClient } from './index.ts'",
      resolveDir: client,
    },
  },
  // Beside one of the two: it knows the client by its public names alone.
  'sluice.presence.min.js': { entryPoints: [join(client, 'presence.ts')] },
  'sluice.global.js': {
    // Assigned by hand: what a bundler writes around exports for a global would not fit.
    stdin: {
      contents:
        "import { ClientError, SluiceClient, Unauthorized, VERSION, WebSocketClient } from './index.ts'\n" +
        'globalThis.sluice = { ClientError, SluiceClient, Unauthorized, VERSION, WebSocketClient }',
      resolveDir: client,
    },
    format: 'iife',
  },
}

export async function bundleClient(folder) {
  await Promise.all(
    Object.entries(ENTRIES).map(([name, options]) => write({ ...options, outfile: join(folder, name) })),
  )
}

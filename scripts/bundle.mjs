/**
 * Builds the client for browsers that load it without a bundler of their own: `sluice.min.js` (an ES module), `sluice.websocket.min.js` (the
 * same with nothing but WebSockets), `sluice.presence.min.js` (presence, beside one of these) and `sluice.global.js` (a script that makes a
 * global `sluice`), each with a source map that has the sources.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { minify } from 'terser'

const root = fileURLToPath(new URL('..', import.meta.url))

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
const client = join(root, 'src', 'client')

/** Names that one module of the client uses of another, and nobody else: neither applications nor the platform nor the gateway. */
const INTERNAL = [
  'acked acks arrived asked beat behind changed clock complain connection current deliver delayMs dispatch emit expiresAtMs flush frameBytesMax greet greeted',
  'later live lost networkChanged nextRef opened probe received refs refusals refused renew requests returnMs returns',
  'served servesSinceMs show shows skip events refused turn socket starts stuck tail take tokens track tries untilMs wants ways welcomed wire won',
  'answer cancel envelope first former joined left options payload put repeat second settled write',
]

/** What applications may derive from: what is private there stays so, since a field of theirs could have the same short name. */
const EXTENDED = ['client.ts', 'full.ts', 'presence.ts']
const PRIVATE = /#(?=[a-z])/g

/** By file, the names of what is private in it. */
const privates = readdirSync(client)
  .toSorted()
  .filter((file) => file.endsWith('.ts') && !EXTENDED.includes(file))
  .map((file) => [...new Set(readFileSync(join(client, file), 'utf8').match(/(?<=#)[a-z]\w*/g))])

/** Short names: the same one for two that no class has both of. */
function shortNames() {
  const letters = 'tesihrnoacldufwvpmbygkMSOxTEjNPqJC'.split('')
  const names = {}
  const all = [...new Set(privates.flat())]
  for (const name of all) {
    const beside = new Set(
      privates
        .filter((some) => some.includes(name))
        .flat()
        .map((other) => names[other]),
    )
    names[name] = letters.find((letter) => !beside.has(letter))
  }
  return names
}

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
      sources.set(contents, text)
      return { contents, loader: 'ts' }
    })
  },
}

/** The second minifier takes off what is some four hundred bytes, gzipped. */
async function write(options) {
  const { outputFiles } = await build({ ...shared, ...options, plugins: [openPrivates], write: false })
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text
  const name = basename(options.outfile)
  const first = JSON.parse(text('.map'))
  const sourcesContent = first.sourcesContent.map((given) => sources.get(given) ?? given)
  const short = Object.fromEntries(
    Object.entries(shortNames()).map(([long, letter]) => [`$$${long}`, letter]),
  )
  const { code, map } = await minify(
    { [name]: text('.js') },
    {
      module: options.format !== 'iife',
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
        properties: {
          builtins: true,
          regex: new RegExp(`^(\\$.*|${INTERNAL.join(' ').replaceAll(' ', '|')})$`),
        },
      },
      nameCache: { props: { props: short } },
      sourceMap: { content: { ...first, sourcesContent }, url: `${name}.map`, includeSources: true },
    },
  )
  // A name that is a text, too, is looked up by it somewhere.
  const looked = INTERNAL.join(' ')
    .split(' ')
    .filter((internal) => new RegExp(`["'\`]${internal}["'\`]`).test(code))
  if (looked.length > 0) throw new Error(`${name}: ${looked.join(', ')} may not be made shorter`)
  await mkdir(dirname(options.outfile), { recursive: true })
  await writeFile(options.outfile, code)
  await writeFile(`${options.outfile}.map`, map)
}

export async function bundleClient(folder) {
  const out = (name) => join(folder, name)
  await Promise.all([
    write({ entryPoints: [join(client, 'index.ts')], outfile: out('sluice.min.js') }),
    write({
      stdin: {
        contents: "export { ClientError, Unauthorized, VERSION, WebSocketClient } from './index.ts'",
        resolveDir: client,
      },
      outfile: out('sluice.websocket.min.js'),
    }),
    // Beside one of the two: it knows the client by its public names alone.
    write({ entryPoints: [join(client, 'presence.ts')], outfile: out('sluice.presence.min.js') }),
    write({
      // Assigned by hand: what a bundler writes around exports for a global would not fit.
      stdin: {
        contents:
          "import { ClientError, SluiceClient, Unauthorized, VERSION, WebSocketClient } from './index.ts'\n" +
          'globalThis.sluice = { ClientError, SluiceClient, Unauthorized, VERSION, WebSocketClient }',
        resolveDir: client,
      },
      format: 'iife',
      outfile: out('sluice.global.js'),
    }),
  ])
}

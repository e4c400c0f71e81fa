/**
 * Builds the client for browsers that load it without a bundler of their own: `sluice.min.js` (an ES module), `sluice.websocket.min.js` (the
 * same with nothing but WebSockets), `sluice.presence.min.js` (presence, beside one of these) and `sluice.global.js` (a script that makes a
 * global `sluice`), each with a source map that has the sources.
 */
import { mkdir, writeFile } from 'node:fs/promises'
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
  'acked acks arrived asked beat behind changed clock connection current deliver delayMs emit expiresAtMs flush frameBytesMax greet greeted',
  'later live lost networkChanged nextRef opened probe received refs refusals refused renew requests returnMs returns',
  'served servesSinceMs show shows skip socket started starts stuck tail told tokens track tries untilMs wants ways welcomed wire',
  'answer cancel envelope first left options payload put repeat second settled write',
]

/** The second minifier takes off what is some four hundred bytes, gzipped. */
async function write(options) {
  const { outputFiles } = await build({ ...shared, ...options, write: false })
  const text = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text
  const name = basename(options.outfile)
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
        properties: { builtins: true, regex: new RegExp(`^(${INTERNAL.join(' ').replaceAll(' ', '|')})$`) },
      },
      sourceMap: { content: text('.map'), url: `${name}.map`, includeSources: true },
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

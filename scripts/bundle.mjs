/**
 * Builds the client for browsers that load it without a bundler of their own: `sluice.min.js` (an ES module) and
 * `sluice.global.js` (a script that makes a global `sluice`), each with a source map that has the sources.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

const shared = {
  bundle: true,
  minify: true,
  sourcemap: true,
  sourcesContent: true,
  // What every browser of the last years runs, with private fields as they are: rewritten, they cost kilobytes.
  target: 'es2022',
  format: 'esm',
  platform: 'browser',
  legalComments: 'none',
}
const client = join(root, 'src', 'client')

export async function bundleClient(folder) {
  const out = (name) => join(folder, name)
  await Promise.all([
    build({ ...shared, entryPoints: [join(client, 'index.ts')], outfile: out('sluice.min.js') }),
    build({
      ...shared,
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

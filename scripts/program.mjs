/**
 * Bundles the command and the library from what the compiler has made of them, so that a node that runs holds less: some 20 MB.
 * Modules cost V8 some ten kilobytes each beside their text, which it keeps, comments included; a character that is not ASCII makes
 * a text twice as long; and of zod, which is bundled with them, most is never used: fifty languages of its messages.
 *
 * All other packages stay where npm puts them, so that whoever replaces one of them replaces it here too. What is written is as
 * readable as the compiler's: names and lines in a stack are those of the functions.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'

export const BUNDLED = ['zod']
const root = fileURLToPath(new URL('..', import.meta.url))

/** `folder`: the compiler's output; the bundle goes to `bundle/` in it. */
export async function bundleProgram(folder) {
  const out = join(folder, 'bundle')
  rmSync(out, { recursive: true, force: true })
  await build({
    entryPoints: [
      { in: join(folder, 'cli/main.js'), out: 'main' },
      { in: join(folder, 'index.js'), out: 'index' },
    ],
    // Paths are written down from here: what is built elsewhere is the same.
    absWorkingDir: folder,
    outdir: out,
    // Of one folder, by which files beside modules are found.
    chunkNames: '[name]-[hash]',
    bundle: true,
    // What is loaded when it is needed stays so.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'none',
    charset: 'ascii',
    lineLimit: 160,
    logLevel: 'warning',
    plugins: [packagesAside, withoutComments(folder)],
  })
  mkdirSync(out, { recursive: true })
  for (const name of BUNDLED)
    copyFileSync(join(root, 'node_modules', name, 'LICENSE'), join(out, `LICENSE.${name}`))
}

const packagesAside = {
  name: 'packages-aside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || BUNDLED.some((name) => path === name || path.startsWith(`${name}/`))
        ? undefined
        : { path, external: true },
    )
  },
}

/** A module that looks for files beside it finds them from where it was compiled to. */
function withoutComments(folder) {
  return {
    name: 'without-comments',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const place = relative(folder, path).split(sep).join('/')
        const text = readFileSync(path, 'utf8')
        const placed = place.startsWith('..')
          ? text
          : text.replaceAll(
              'import.meta.url',
              `new URL(${JSON.stringify(`../${place}`)}, import.meta.url).href`,
            )
        // The bundler keeps comments between the members of a class, unless all white space goes; it puts that back.
        const { code } = await transform(placed, {
          minifyWhitespace: true,
          legalComments: 'none',
          format: 'esm',
        })
        return { contents: code, loader: 'js' }
      })
    },
  }
}

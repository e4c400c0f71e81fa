/** Builds the operators' console: one script and one style, with nothing to load from elsewhere. */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src', 'console', 'operator')

export async function buildConsole(folder) {
  mkdirSync(folder, { recursive: true })
  await build({
    entryPoints: [
      { in: join(source, 'main.tsx'), out: 'console' },
      { in: join(source, 'style.css'), out: 'console' },
    ],
    outdir: folder,
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
  })
  for (const name of ['index.html', 'console.svg']) cpSync(join(source, name), join(folder, name))
}

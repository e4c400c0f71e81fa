/**
 * `npm run docs:site`: static files in site/dist, which any web server can show. `npm run docs:client`: the reference of the SDK alone, from its
 * types. What these need is installed here at the first time.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { navigation } from './navigation.mjs'
import { renameModules } from './reference.mjs'
import { writeSource } from './source.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const source = join(here, '.tmp', 'source')
const reference = join(source, 'reference')
const onlyClient = process.argv.includes('--only-client')
const modules = join(here, 'node_modules')

if (!existsSync(modules)) run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'])
if (!onlyClient) writeSource(source)
program('typedoc/bin/typedoc', '--options', join(here, 'typedoc.mjs'), '--out', reference)
renameModules(reference)
if (onlyClient) console.log(`the reference is in ${reference}`)
else {
  program('vitepress/bin/vitepress.js', 'build', here)
  const count = navigation().reduce((sum, group) => sum + group.pages.length, 0)
  console.log(`the site, with ${count} pages and the reference, is in ${join(here, 'dist')}`)
}

function program(path, ...words) {
  run(process.execPath, [join(modules, path), ...words])
}

/** What fails has said why. */
function run(command, words) {
  const { status, error } = spawnSync(command, words, { cwd: here, stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

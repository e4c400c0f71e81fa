/**
 * Deletes all native binaries of uWebSockets.js but the one that this machine loads: with those for other systems and
 * versions of Node they are 227 MB. For images, after the build; `npm ci` brings them back.
 */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadUws } from '../dist/drivers/uws-binary.js'
import { SUPPLIES } from '../dist/drivers/uws-choice.js'

const modules = fileURLToPath(new URL('../node_modules', import.meta.url))
const { path: kept, why } = loadUws()
let freed = 0
for (const supply of SUPPLIES) {
  const folder = join(modules, supply.package)
  // Of a package whose binary is not used nothing else is either.
  if (!kept.startsWith(folder)) {
    freed += sizeOf(folder)
    rmSync(folder, { recursive: true })
    continue
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name)
    if (!name.endsWith('.node') || path === kept) continue
    freed += statSync(path).size
    rmSync(path)
  }
}
console.log(`keeps ${why}; ${Math.round(freed / 1e6)} MB less`)

function sizeOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
}

#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs'

// The native library is made for these; others would fail later, and with a sentence about a file.
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const majors = engines.node.split(' || ')

/** Of these versions not all will do: `crypto.hash` came with this one. */
const OLDEST_MINOR = { 20: 12 }
const [major, minor] = process.versions.node.split('.')

if (!majors.includes(major)) {
  const others = `${majors.slice(0, -1).join(', ')} or ${majors.at(-1)}`
  console.error(
    `sluice: this is Node ${process.versions.node}; use Node ${others} (nvm install ${majors[0]})`,
  )
  process.exit(1)
} else if (Number(minor) < (OLDEST_MINOR[major] ?? 0)) {
  console.error(
    `sluice: this is Node ${process.versions.node}; use Node ${major}.${OLDEST_MINOR[major]} or later (nvm install ${major})`,
  )
  process.exit(1)
} else if (existsSync(new URL('../dist/bundle/main.js', import.meta.url))) {
  const { holdYoungGeneration } = await import('../dist/cli/young-generation.js')
  holdYoungGeneration()
  const { runProcess } = await import('../dist/bundle/main.js')
  await runProcess()
} else {
  console.error('sluice: dist/ is missing, so there is nothing to run yet: run npm ci (or npm run build)')
  process.exit(1)
}

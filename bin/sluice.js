#!/usr/bin/env node
import { existsSync } from 'node:fs'

if (existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  const { main } = await import('../dist/cli/main.js')
  const { processTerminal } = await import('../dist/cli/terminal.js')
  const code = await main(process.argv.slice(2), processTerminal())
  // After what was written has left: a pipe may be slower than we are. Connections that are kept for later do not count.
  process.stdout.write('', () => process.exit(code))
} else {
  console.error('sluice: dist/ is missing, so there is nothing to run yet: run npm ci (or npm run build)')
  process.exit(1)
}

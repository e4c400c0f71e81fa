#!/usr/bin/env node
import { existsSync } from 'node:fs'

if (existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  const { runProcess } = await import('../dist/cli/main.js')
  await runProcess()
} else {
  console.error('sluice: dist/ is missing, so there is nothing to run yet: run npm ci (or npm run build)')
  process.exit(1)
}

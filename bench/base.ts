/**
 * What `sluice serve` holds before anybody has connected: `node --import tsx bench/base.ts [runs]`. Each time it is started afresh from
 * dist/ (`npm run build`), with the log, the registry and the backbone in its own memory, and looked at once it has settled.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ownBytes, residentBytes } from './lib/cores.ts'
import { median } from './lib/statistics.ts'
import { API_KEY, TOKEN_SECRET } from './peers/terms.ts'

const RUNS = 5
/** Timers have run, and what was made to start with is collected where V8 sees fit. */
const SETTLED_MS = 4000
const MEBIBYTE = 1024 ** 2
/** The log says so once both listeners are open. */
const STARTED = /"msg":"the node is ready"/

const command = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))
const runs = Number(process.argv[2] ?? RUNS)
if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`${process.argv[2]} is no number of runs`)

const resident: number[] = []
const own: number[] = []
for (let run = 0; run < runs; run++) {
  const child = spawn(process.execPath, [command, 'serve', '--port', '0', '--api-port', '0'], {
    env: { ...process.env, SLUICE_JWT_SECRET: TOKEN_SECRET, SLUICE_API_KEYS: `bench:publish:${API_KEY}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  try {
    await Promise.race([
      started(createInterface(child.stdout)),
      exited.then(() => Promise.reject(new Error('sluice serve has ended before it was ready'))),
    ])
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    resident.push(residentBytes(child.pid as number))
    own.push(ownBytes(child.pid as number))
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}
console.log(`resident, the program and its libraries included: ${figures(resident)}`)
console.log(`its own: ${figures(own)}`)

async function started(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) if (STARTED.test(line)) return
}

function figures(bytes: readonly number[]): string {
  const shown = (value: number): string => (value / MEBIBYTE).toFixed(1)
  return `${shown(median(bytes))} MiB, median of ${bytes.map(shown).join(', ')}`
}

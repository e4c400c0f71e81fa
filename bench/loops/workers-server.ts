/** `sluice serve --workers N` over a nats-server and a redis-server, all of them wherever the system likes. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { startBeside } from '../lib/beside.ts'
import { measuredSettings } from '../lib/gateway-node.ts'
import { answerSteps } from '../lib/steps.ts'
import type { Ports } from '../peers/terms.ts'
import { portsInARow } from '../../test/support/server-process.ts'

export interface WorkersStart {
  readonly workers: number
  /** The program, and where its configuration may be written to. */
  readonly command: string
  readonly file: string
}

export interface WorkersStarted extends Ports {
  readonly pids: { readonly nats: number; readonly redis: number }
  /** The process that has started them, which serves nobody. */
  readonly parent: number
  readonly workers: readonly number[]
}

const READY_TRIES = 1200
const LOOK_INTERVAL_MS = 100

answerSteps({
  async start({ workers, command, file }: WorkersStart): Promise<WorkersStarted> {
    const { settings, pids } = await startBeside()
    const [port, apiPort] = (await portsInARow(workers + 1)) as [number, number]
    writeFileSync(file, JSON.stringify({ ...settings, ...measuredSettings(port, apiPort) }))
    // Killed with this process; workers end by themselves when it has gone.
    const child = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        process.execPath,
        command,
        'serve',
        '--config',
        file,
        '--workers',
        String(workers),
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    let ended = false
    child.once('exit', () => (ended = true))
    // The second listeners count up from the first one's port.
    for (let index = 0; index < workers; index++) await ready(apiPort + index, () => ended)
    const parent = child.pid as number
    const own = workers === 1 ? [parent] : childrenOf(parent)
    if (own.length !== workers) throw new Error(`there are ${own.length} workers, not ${workers}`)
    return { port, apiPort, pids, parent, workers: own }
  },
})

async function ready(port: number, ended: () => boolean): Promise<void> {
  for (let i = 0; i < READY_TRIES; i++) {
    if (ended()) throw new Error('sluice serve has ended before it was ready')
    const status = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS))
  }
  throw new Error(`nothing is ready on port ${port} after ${(READY_TRIES * LOOK_INTERVAL_MS) / 1000} s`)
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

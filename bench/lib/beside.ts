/** A nats-server and a redis-server of the runner's own, for a gateway that is measured as a node of a cluster. */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigInput } from '../../src/config/schema.ts'
import { freePort } from '../../test/support/server-process.ts'

export interface ServersBeside {
  /** What a gateway has to be told of them. */
  readonly settings: Pick<ConfigInput, 'nats' | 'redis' | 'node'>
  readonly pids: { readonly nats: number; readonly redis: number }
}

/** `core`: absent, they run wherever the system likes. */
export async function startBeside(core?: number): Promise<ServersBeside> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const natsPort = await freePort()
  const redisPort = await freePort()
  const nats = await start(
    'nats-server',
    ['-a', '127.0.0.1', '-p', String(natsPort)],
    'Server is ready',
    core,
  )
  const redis = await start(
    'redis-server',
    ['--bind', '127.0.0.1', '--port', String(redisPort), '--save', '', '--dir', directory],
    'Ready to accept connections',
    core,
  )
  return {
    settings: {
      nats: { url: [`nats://127.0.0.1:${natsPort}`] },
      redis: { url: [`redis://127.0.0.1:${redisPort}`] },
      node: { clusterSecret: 'a secret that only the benchmark and its server use' },
    },
    pids: { nats, redis },
  }
}

/** Ends with this process: it is killed at the end of a round, so the child looks whether its parent is still there. */
async function start(
  program: string,
  words: readonly string[],
  ready: string,
  core: number | undefined,
): Promise<number> {
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...pinned, program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output.push(text)
        if (output.join('').includes(ready)) resolve()
      })
    }
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${program} ended before it was ready:\n${output.join('')}`)))
  })
  // setpriv and taskset replace themselves, so the pid is the server's own.
  return child.pid as number
}

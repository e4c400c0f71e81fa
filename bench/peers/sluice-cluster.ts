/** The same node over a nats-server and a redis-server, which run on the load's core. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LOAD_CORE } from '../lib/cores.ts'
import { startGateway } from '../lib/gateway-node.ts'
import { serve } from '../lib/measured-server.ts'

serve(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const natsPort = await freePort()
  const redisPort = await freePort()
  const nats = await start('nats-server', ['-a', '127.0.0.1', '-p', String(natsPort)], 'Server is ready')
  const redis = await start(
    'redis-server',
    ['--bind', '127.0.0.1', '--port', String(redisPort), '--save', '', '--dir', directory],
    'Ready to accept connections',
  )
  const ports = await startGateway({
    nats: { url: [`nats://127.0.0.1:${natsPort}`] },
    redis: { url: [`redis://127.0.0.1:${redisPort}`] },
    node: { clusterSecret: 'a secret that only the benchmark and its server use' },
  })
  return { ...ports, pids: { nats, redis } }
})

/** Ends with this process: it is killed at the end of a round, so the child looks whether its parent is still there. */
async function start(program: string, words: readonly string[], ready: string): Promise<number> {
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'taskset', '-c', String(LOAD_CORE), program, ...words],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
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

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  holder.close()
  await once(holder, 'close')
  return port
}

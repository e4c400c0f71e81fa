/** A gateway in a process of its own, as an operator starts it, so that its fall is seen and not shared. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'

const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
export const API_KEY = 'a-key-for-tests-only'
const SLUICE = [fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))]

/** What is refused at a gate is not read, and what is tried here is the reading: the gates are open. */
const CONFIG = {
  host: '127.0.0.1',
  port: 0,
  api: { port: 0, keys: [`fuzz:publish+admin:${API_KEY}`] },
  auth: { jwtSecret: SECRET },
  admission: { connectionsPerSecond: 0, perAddressPerSecond: 0 },
  limits: { framesPerSecond: 0, bytesPerSecond: 0, framesBurst: 0, bytesBurst: 0 },
  namespaces: { chat: { clientPublish: 'fanout' }, here: { presence: true } },
}

export class NodeProcess {
  readonly port: number
  readonly apiPort: number
  readonly #child: ChildProcess
  #fallen = false
  #stopping = false

  private constructor(child: ChildProcess, port: number, apiPort: number) {
    this.#child = child
    this.port = port
    this.apiPort = apiPort
    child.once('exit', () => (this.#fallen = !this.#stopping))
  }

  /** Fails where it ends before it is ready. */
  static start(): Promise<NodeProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-fuzz-'))
    const file = join(directory, 'sluice.json')
    writeFileSync(file, JSON.stringify(CONFIG))
    const child = spawn(process.execPath, [...SLUICE, 'serve', '--config', file], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    process.once('exit', () => void child.kill('SIGKILL'))
    return new Promise((resolve, reject) => {
      let output = ''
      child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${output}`)))
      const read = (chunk: Buffer): void => {
        output += chunk.toString()
        const ready = /"port":(\d+),"apiPort":(\d+),"msg":"the node is ready"/.exec(output)
        if (ready === null) return
        child.stdout.off('data', read).resume()
        resolve(new NodeProcess(child, Number(ready[1]), Number(ready[2])))
      }
      child.stdout.on('data', read)
    })
  }

  get fallen(): boolean {
    return this.#fallen
  }

  token(user: string): Promise<string> {
    return mintToken({ secret: SECRET, sub: user, subscribe: ['*'], publish: ['*'] }, systemClock)
  }

  /** The sum of the series of a metric. */
  async metric(name: string): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${this.apiPort}/metrics`)).text()
    const values = [...page.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) =>
      Number(value),
    )
    return values.reduce((sum, value) => sum + value, 0)
  }

  stop(): Promise<void> {
    this.#stopping = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.kill('SIGTERM')
    })
  }
}

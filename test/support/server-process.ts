/**
 * A real server as a child process on free ports, with its files in a directory of its own. It is ended by its own
 * process id, and with the test process at the latest.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ServerCommand {
  readonly program: string
  /** What a person types who does not have it. */
  readonly install: string
  readonly args: readonly string[]
  /** What it prints once it serves. */
  readonly ready: string
}

const START_TIMEOUT_MS = 20_000

export class ServerProcess {
  readonly #child: ChildProcess
  readonly #command: ServerCommand
  readonly #output: string[] = []
  readonly #killWithUs = (): void => void this.#child.kill('SIGKILL')

  private constructor(command: ServerCommand, child: ChildProcess) {
    this.#command = command
    this.#child = child
    process.on('exit', this.#killWithUs)
    child.once('exit', () => process.off('exit', this.#killWithUs))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output.push(text))
    }
  }

  static async start(command: ServerCommand): Promise<ServerProcess> {
    const child = spawn(command.program, command.args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const server = new ServerProcess(command, child)
    await server.#untilReady()
    return server
  }

  /** Stops it in its own way. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  /** Ends it without a chance to do anything. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** It keeps its connections and answers nothing. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    this.#child.kill('SIGCONT')
    await exited
  }

  #untilReady(): Promise<void> {
    const { program, install, ready } = this.#command
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!this.#output.join('').includes(ready)) return
        settle()
        resolve()
      }
      const fail = (why: string): void => {
        settle()
        this.#child.kill('SIGKILL')
        reject(new Error(`${program} ${why}\n${this.#output.join('')}`))
      }
      const failed = (error: NodeJS.ErrnoException): void =>
        fail(error.code === 'ENOENT' ? `is missing; install it with: ${install}` : error.message)
      const exited = (): void => fail('ended before it was ready')
      const timeout = setTimeout(() => fail(`was not ready within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
      const settle = (): void => {
        clearTimeout(timeout)
        this.#child.off('error', failed).off('exit', exited)
        this.#child.stdout?.off('data', look)
        this.#child.stderr?.off('data', look)
      }
      this.#child.on('error', failed).on('exit', exited)
      this.#child.stdout?.on('data', look)
      this.#child.stderr?.on('data', look)
    })
  }
}

/** Ports that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const holder of holders) {
    holder.listen(0, '127.0.0.1')
    await once(holder, 'listening')
    ports.push((holder.address() as AddressInfo).port)
  }
  for (const holder of holders) {
    holder.close()
    await once(holder, 'close')
  }
  return ports
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port as number
}

export function temporaryDirectory(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `sluice-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

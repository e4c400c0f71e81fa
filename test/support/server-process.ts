/**
 * A real server as a child process on free ports, with its files in a directory of its own. It is ended by its own
 * process id, and with the test process at the latest.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patientMs } from './patience.ts'

export interface ServerCommand {
  readonly program: string
  /** What a person types who does not have it. */
  readonly install: string
  readonly args: readonly string[]
  /** Beside what this process has. */
  readonly env?: Readonly<Record<string, string>>
  /** What it prints once it serves. */
  readonly ready: string
}

/** It has printed nothing for so long before it serves: it hangs. A slow one goes on printing, or loads its code. */
const SILENT_MS = patientMs(60_000)

export class ServerProcess {
  readonly #child: ChildProcess
  readonly #command: ServerCommand
  readonly #output: string[] = []
  readonly #closed: Promise<unknown>
  readonly #killWithUs = (): void => void this.#child.kill('SIGKILL')

  private constructor(command: ServerCommand, child: ChildProcess) {
    this.#command = command
    this.#child = child
    this.#closed = once(child, 'close')
    // One that cannot be started says so to who starts it.
    this.#closed.catch(() => {})
    process.on('exit', this.#killWithUs)
    child.once('exit', () => process.off('exit', this.#killWithUs))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#output.push(text))
    }
  }

  static async start(command: ServerCommand): Promise<ServerProcess> {
    const child = spawn(command.program, command.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...command.env },
    })
    const server = new ServerProcess(command, child)
    await server.#untilReady()
    return server
  }

  /** All that it has printed so far. */
  get output(): string {
    return this.#output.join('')
  }

  /** Stops it in its own way; answers the exit code, or null where a signal has ended it. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return this.#end(signal)
  }

  /** Ends it without a chance to do anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
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

  get pid(): number {
    return this.#child.pid as number
  }

  /** Resolves with the exit code once it has ended, however that comes; null where a signal has ended it. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode
  }

  /** After its end: when what it has forked, which has its output too and may still write to its files, has ended. */
  async forksEnded(): Promise<void> {
    await this.#closed
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill(signal)
      this.#child.kill('SIGCONT')
      await exited
    }
    return this.#child.exitCode
  }

  #untilReady(): Promise<void> {
    const { program, install, ready } = this.#command
    return new Promise((resolve, reject) => {
      const look = (): void => {
        silence.refresh()
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
      const silence = setTimeout(() => fail(`was silent for ${SILENT_MS} ms before it was ready`), SILENT_MS)
      const settle = (): void => {
        clearTimeout(silence)
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

/** Below the range that the system gives to outgoing connections: none of them takes a port before its server has it. */
const PORT_MIN = 12_000
const PORT_MAX = 32_000
/** Test files run beside each other: each process looks from a place of its own on, and gives no port twice. */
let nextPort = PORT_MIN + ((process.pid * 389) % (PORT_MAX - PORT_MIN))

/** Ports that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = nextPort
    nextPort = nextPort + 1 < PORT_MAX ? nextPort + 1 : PORT_MIN
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** The same, each the one after the one before: the second listeners of workers count up from the first one's. */
export async function portsInARow(count: number): Promise<number[]> {
  for (;;) {
    const ports = await freePorts(count)
    const first = ports[0] as number
    if (ports.every((port, index) => port === first + index)) return ports
  }
}

function isFree(port: number): Promise<boolean> {
  const holder = createServer()
  return new Promise((resolve) => {
    holder.once('error', () => resolve(false))
    holder.listen(port, '127.0.0.1', () => holder.close(() => resolve(true)))
  })
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port as number
}

export function temporaryDirectory(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `sluice-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

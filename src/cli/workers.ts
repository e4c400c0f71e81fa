/**
 * Several nodes of one command, a process each, that share the public port: the kernel spreads connections over them.
 *
 * Kept (the numbers are in the names of the tests):
 *  W1 as many workers run as were asked for; one that ends is started again, after a pause that grows while it keeps ending
 *  W2 a worker that cannot use its configuration ends the command, since every other start would end in the same way
 *  W3 a signal is passed on to every worker, once for each time that it came, and none is started after it; each is told that
 *     the others stop too, or all would look for somebody who takes their clients
 *  W4 a wish to reload reaches every worker, and ends none
 *  W5 the command ends when all workers have ended
 */
import type { Signal } from './terminal.ts'
import type { Clock } from '../clock.ts'
import { EXIT_USAGE } from '../config/config-error.ts'

export interface Worker {
  /** That all the others are told to stop as well. */
  siblingsStop(): void
  kill(signal: Signal): void
  /** It reads its configuration again. */
  reload(): void
  /** Once. `code` is absent where a signal ended it. */
  onExit(listener: (code: number | undefined) => void): void
}

export interface WorkerPorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'random'>
  spawn(index: number): Worker
  /** Runs once, after at least so long, and keeps the process alive until then. */
  after(ms: number, run: () => void): void
  tell(line: string): void
}

const PAUSE_FIRST_MS = 500
const PAUSE_MAX_MS = 30_000
/** Who has lived for so long was well; its next end is a first one. */
const WELL_MS = 60_000

export class Workers {
  readonly #ports: WorkerPorts
  readonly #count: number
  readonly #running = new Map<number, Worker>()
  /** Ends in a row, by worker. */
  readonly #ends: number[] = []
  #stopping = false
  #exitCode = 0
  #ended: (code: number) => void = () => undefined

  constructor(count: number, ports: WorkerPorts) {
    this.#count = count
    this.#ports = ports
  }

  /** Resolves with the exit code when all have ended, which they do after `signal` or for good reason. */
  run(): Promise<number> {
    const ended = new Promise<number>((resolve) => {
      this.#ended = resolve
    })
    for (let index = 0; index < this.#count; index++) this.#start(index)
    return ended
  }

  signal(signal: Signal): void {
    this.#stopping = true
    for (const worker of this.#running.values()) {
      worker.siblingsStop()
      worker.kill(signal)
    }
    this.#endIfAllHave()
  }

  reload(): void {
    for (const worker of this.#running.values()) worker.reload()
  }

  #start(index: number): void {
    if (this.#stopping) return
    const startedMs = this.#ports.clock.monotonicMs()
    const worker = this.#ports.spawn(index)
    this.#running.set(index, worker)
    worker.onExit((code) => {
      this.#running.delete(index)
      if (this.#stopping) {
        if (code !== 0) this.#exitCode ||= 1
        this.#endIfAllHave()
      } else if (code === EXIT_USAGE) {
        this.#exitCode = EXIT_USAGE
        this.signal('SIGTERM')
      } else this.#again(index, code, this.#ports.clock.monotonicMs() - startedMs)
    })
  }

  #again(index: number, code: number | undefined, livedMs: number): void {
    const ends = livedMs >= WELL_MS ? 0 : (this.#ends[index] ?? 0)
    this.#ends[index] = ends + 1
    const most = Math.min(PAUSE_FIRST_MS * 2 ** ends, PAUSE_MAX_MS)
    const how = code === undefined ? 'was killed' : `ended with the exit code ${code}`
    this.#ports.tell(`sluice: worker ${index} ${how}; it is started again`)
    // At random, so that workers that end together do not start together.
    this.#ports.after(most * (0.5 + this.#ports.clock.random() / 2), () => this.#start(index))
  }

  #endIfAllHave(): void {
    if (this.#running.size === 0) this.#ended(this.#exitCode)
  }
}

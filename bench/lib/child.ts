/**
 * A process of the runner's: the server that is measured, or the load, on a core of its own where it is to have one.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { StepAnswer, StepCall } from './steps.ts'

/** A step that takes longer than this has lost something it waits for. */
const STEP_TIMEOUT_MS = 180_000

export interface ChildOptions {
  readonly program: string
  /** Absent: wherever the system likes. */
  readonly core?: number
  readonly nodeOptions?: readonly string[]
  readonly stepTimeoutMs?: number
  /** What it prints is not shown: a gateway logs there. */
  readonly quiet?: boolean
}

/** One that sleeps would not notice that its runner has gone. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Child {
  readonly #process: ChildProcess
  readonly #program: string
  readonly #stepTimeoutMs: number
  readonly #waiting = new Map<number, (answer: StepAnswer) => void>()
  #calls = 0
  #exited: Promise<void>

  constructor({
    program,
    core,
    nodeOptions = [],
    stepTimeoutMs = STEP_TIMEOUT_MS,
    quiet = false,
  }: ChildOptions) {
    this.#program = program
    this.#stepTimeoutMs = stepTimeoutMs
    const node = [process.execPath, ...nodeOptions, program]
    // taskset replaces itself with node, so the pid is the server's own.
    const [command, ...words] = core === undefined ? node : ['taskset', '-c', String(core), ...node]
    this.#process = spawn(command as string, words, {
      stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'inherit', 'ipc'],
    })
    this.#process.on('message', (message) => {
      const answer = message as StepAnswer
      const settle = this.#waiting.get(answer.call)
      this.#waiting.delete(answer.call)
      settle?.(answer)
    })
    running.add(this.#process)
    this.#exited = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        running.delete(this.#process)
        const failure = `${program} ended (${signal ?? `exit code ${code}`}) before it answered`
        for (const [call, settle] of this.#waiting) settle({ call, failure })
        this.#waiting.clear()
        resolve()
      })
    })
  }

  get pid(): number {
    const { pid } = this.#process
    if (pid === undefined) throw new Error(`${this.#program} could not be started`)
    return pid
  }

  /** Fails with what the step failed with, or when the process has ended. */
  async step<Value>(step: string, argument: unknown = null): Promise<Value> {
    const call = ++this.#calls
    const answer = await new Promise<StepAnswer>((resolve, reject) => {
      const overdue = setTimeout(() => {
        this.#waiting.delete(call)
        reject(new Error(`${step} of ${this.#program} did not end within ${this.#stepTimeoutMs / 1000} s`))
      }, this.#stepTimeoutMs)
      this.#waiting.set(call, (settled) => {
        clearTimeout(overdue)
        resolve(settled)
      })
      this.#process.send({ call, step, argument } satisfies StepCall, (error) => {
        if (error !== null) reject(error)
      })
    })
    if ('failure' in answer) throw new Error(`${step}: ${answer.failure}`)
    return answer.value as Value
  }

  /** It does nothing until `resume`, and its connections stay. */
  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  /** Kills it: what a server does at its end is not measured. Idempotent. */
  async close(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }
}

/**
 * A process on a core of its own: the server that is measured, or the load.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { StepAnswer, StepCall } from './steps.ts'

/** A step that takes longer than this has lost something it waits for. */
const STEP_TIMEOUT_MS = 180_000

export interface ChildOptions {
  readonly program: string
  readonly core: number
  readonly nodeOptions?: readonly string[]
}

export class Child {
  readonly #process: ChildProcess
  readonly #program: string
  readonly #waiting = new Map<number, (answer: StepAnswer) => void>()
  #calls = 0
  #exited: Promise<void>

  constructor({ program, core, nodeOptions = [] }: ChildOptions) {
    this.#program = program
    // taskset replaces itself with node, so the pid is the server's own.
    this.#process = spawn('taskset', ['-c', String(core), process.execPath, ...nodeOptions, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#process.on('message', (message) => {
      const answer = message as StepAnswer
      const settle = this.#waiting.get(answer.call)
      this.#waiting.delete(answer.call)
      settle?.(answer)
    })
    this.#exited = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
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
        reject(new Error(`${step} of ${this.#program} did not end within ${STEP_TIMEOUT_MS / 1000} s`))
      }, STEP_TIMEOUT_MS)
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

  /** Kills it: what a server does at its end is not measured. Idempotent. */
  async close(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }
}

import { PassThrough } from 'node:stream'
import { main } from '../../../src/cli/main.ts'
import type { Signal, Terminal } from '../../../src/cli/terminal.ts'

/** A terminal that keeps what it is told, and that a test can type into. */
export class FakeTerminal implements Terminal {
  readonly env: NodeJS.ProcessEnv
  readonly input = new PassThrough()
  readonly printed: string[] = []
  readonly told: string[] = []
  readonly exits: number[] = []
  hangUp: (() => void) | undefined
  readonly #listeners = new Set<(signal: Signal) => void>()
  readonly #waiting = new Set<() => void>()

  constructor(env: NodeJS.ProcessEnv = {}) {
    this.env = env
  }

  print(line: string): void {
    this.printed.push(line)
    this.#changed()
  }

  tell(line: string): void {
    this.told.push(line)
    this.#changed()
  }

  interactive = false
  typedInto = false

  update(line: string): void {
    this.tell(line)
  }

  redraw(lines: readonly string[]): void {
    for (const line of lines) this.print(line)
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  onSignal(listener: (signal: Signal) => void): () => void {
    this.#listeners.add(listener)
    this.#changed()
    return () => this.#listeners.delete(listener)
  }

  onUncaught(): void {
    // The test's process keeps its own.
  }

  onHangup(listener: () => void): void {
    this.hangUp = listener
  }

  onSiblingsStop(): void {
    // It has none.
  }

  raise(signal: Signal): void {
    for (const listener of this.#listeners) listener(signal)
  }

  get listens(): boolean {
    return this.#listeners.size > 0
  }

  /** When it holds; it is looked at after each change. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
      })
    }
  }

  #changed(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command from its start to its end. */
export async function run(words: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Ran> {
  const terminal = new FakeTerminal(env)
  terminal.input.end(input)
  const code = await main(words, terminal)
  return { code, out: terminal.printed.join('\n'), err: terminal.told.join('\n') }
}

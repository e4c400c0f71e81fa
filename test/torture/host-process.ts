/** A server on a host. Its output goes to a file; it dies with this process, however that ends. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'

/** Sends a signal to whom it starts when its own parent dies. Part of util-linux; without it a run that is killed leaves servers. */
const TIED = (() => {
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' })
    return ['setpriv', '--pdeathsig', 'KILL', '--']
  } catch {
    return []
  }
})()

/** One listener for all of them. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Without what is for gateways, or for tests: a gateway refuses variables of its kind that it does not know. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_')))
}

export class HostProcess {
  readonly #child: ChildProcess
  /** How it ended: undefined while it runs. */
  ended: string | undefined
  /** We have ended it, or asked it to end. */
  meant = false

  constructor(command: readonly string[], logFile: string, env: Readonly<Record<string, string>> = {}) {
    const log = openSync(logFile, 'a')
    const [program, ...args] = [...TIED, ...command]
    this.#child = spawn(program as string, args, {
      stdio: ['ignore', log, log],
      env: { ...inherited(), ...env },
    })
    closeSync(log)
    running.add(this.#child)
    this.#child.once('error', (error) => this.#over(error.message))
    this.#child.once('exit', (code, signal) => this.#over(signal ?? `exit code ${code}`))
  }

  signal(signal: NodeJS.Signals): void {
    this.meant ||= signal === 'SIGTERM'
    if (this.ended === undefined) this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.meant = true
    if (this.ended !== undefined) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  #over(how: string): void {
    this.ended ??= how
    running.delete(this.#child)
  }
}

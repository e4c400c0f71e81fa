/**
 * A program that runs for as long as the cluster does: what ends is started again, as a supervisor would. Its output is in a
 * file, its process id in another, for whoever wants to stop it for a while.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const AGAIN_MS = 1000
const LOOK_MS = 50
/** Whoever does not listen within this time hangs. */
const READY_MAX_MS = 60_000
const LAST_LINES = 8

export class Supervised {
  #name
  #command
  #directory
  #tell
  #isReady
  #child
  #exited
  #again
  #stopping = false
  /** It has served once: what ends before is a start that failed. */
  #served = false

  /**
   * `command()` answers `{ program, args, env }` anew for each start. `isReady()` is asked until it says yes. `tell` prints a
   * line.
   */
  constructor(name, { command, isReady, directory, tell }) {
    this.#name = name
    this.#command = command
    this.#directory = directory
    this.#tell = tell
    this.#isReady = isReady
  }

  get #log() {
    return join(this.#directory, `${this.#name}.log`)
  }

  /** Resolves when it serves. Fails with what it said last where it ends before. */
  async start() {
    this.#run()
    for (const end = Date.now() + READY_MAX_MS; !(await this.#isReady());) {
      if (this.#stopping) return
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || Date.now() > end) {
        throw new Error(`${this.#name} did not start; it said last:\n${this.#lastLines()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    this.#served = true
  }

  /** Passes a signal on, and starts it no more. Again for each signal that comes. */
  signal(signal) {
    this.#stopping = true
    clearTimeout(this.#again)
    this.#child?.kill(signal)
    // Who stands still hears nothing.
    this.#child?.kill('SIGCONT')
  }

  kill() {
    this.#stopping = true
    this.#child?.kill('SIGKILL')
  }

  async ended() {
    await this.#exited
  }

  #run() {
    const { program, args, env } = this.#command()
    const log = openSync(this.#log, 'a')
    // In a group of its own: Ctrl-C in the terminal is for us alone, who end all in the right order.
    const child = spawn(program, args, { stdio: ['ignore', log, log], env, detached: true })
    closeSync(log)
    this.#child = child
    this.#exited = once(child, 'exit')
    const pidFile = join(this.#directory, `${this.#name}.pid`)
    writeFileSync(pidFile, `${child.pid}\n`)
    child.once('exit', (code, signal) => {
      rmSync(pidFile, { force: true })
      if (this.#stopping || !this.#served) return
      this.#tell(`${this.#name} has ended (${signal ?? `exit code ${code}`}) and is started again`)
      this.#again = setTimeout(() => this.#run(), AGAIN_MS)
    })
  }

  #lastLines() {
    return readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  }
}

/**
 * What a command sees of the process it runs in, so that a test can be one.
 */
import { readFileSync } from 'node:fs'

export type Signal = 'SIGINT' | 'SIGTERM'

/** As the metric `faults_total` names them. */
export type Uncaught = 'uncaught_exception' | 'unhandled_rejection'

export interface Terminal {
  readonly env: NodeJS.ProcessEnv
  /** Standard input. */
  readonly input: AsyncIterable<Uint8Array>
  /** Whether somebody types it: nobody has sent a file or the output of a command into it. */
  readonly typedInto: boolean
  /** A line for whoever asked, or for the next command of a pipe. */
  print(line: string): void
  /** A line for the person at the keyboard: progress, complaints. Never in a pipe. */
  tell(line: string): void
  /** Whether somebody watches: then `update` writes over its last line, which an empty one takes away. */
  readonly interactive: boolean
  update(line: string): void
  /** In place of what was shown before, where somebody watches; else behind it. */
  redraw(lines: readonly string[]): void
  /** Until the answer is called. While nobody listens, a signal ends the process as usual. */
  onSignal(listener: (signal: Signal) => void): () => void
  /**
   * SIGHUP, or `RELOAD` from whoever started this process. SIGHUP ends the process
   * until somebody listens.
   */
  onHangup(listener: () => void): void
  /** Those who were started beside this process stop as well: `SIBLINGS_STOP` came, or who started them has died. */
  onSiblingsStop(listener: () => void): void
  /** What nothing has caught. Until somebody listens, it ends the process as usual. */
  onUncaught(listener: (kind: Uncaught, error: unknown) => void): void
  /** At once, whatever is under way. */
  exit(code: number): void
}

/** What a process that stops all those it has started tells each of them, beside the signal. */
export const SIBLINGS_STOP = 'siblings-stop'

/** That the configuration is to be read again. Not by the signal, which would end a process that does not listen yet. */
export const RELOAD = 'reload'

/** As a shell reports it: 128 and the number of the signal. */
export const EXIT_INTERRUPTED = 130

export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The next command of the pipe has seen enough, as in `sluice tail news | head -1`.
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    env: process.env,
    input: process.stdin,
    typedInto: process.stdin.isTTY,
    print: (line) => void process.stdout.write(`${line}\n`),
    tell: (line) => void process.stderr.write(`${line}\n`),
    interactive: process.stderr.isTTY,
    update: (line) => void process.stderr.write(`\r\u001B[2K${line}`),
    redraw(lines) {
      // The cursor to the corner, each line to its end, and what is below: cleared as a whole it would flicker.
      const text = lines.map((line) => `${line}${process.stdout.isTTY ? '\u001B[K' : ''}\n`).join('')
      process.stdout.write(process.stdout.isTTY ? `\u001B[H${text}\u001B[J` : text)
    },
    onSignal(listener) {
      let told = false
      const heard = (signal: NodeJS.Signals): void => {
        told = true
        listener(signal as Signal)
      }
      // A worker whose parent has died is to stop like one that was told to; and one that was told needs no hurry.
      const orphaned = (): void => {
        if (!told) heard('SIGTERM')
      }
      process.on('SIGINT', heard)
      process.on('SIGTERM', heard)
      if (process.connected) process.on('disconnect', orphaned)
      const watching = isRunByNpm() ? watchParent(orphaned) : undefined
      return () => {
        clearInterval(watching)
        process.off('SIGINT', heard)
        process.off('SIGTERM', heard)
        process.off('disconnect', orphaned)
      }
    },
    onHangup(listener) {
      process.on('SIGHUP', listener)
      process.on('message', (message) => {
        if (message === RELOAD) listener()
      })
    },
    onSiblingsStop(listener) {
      if (!process.connected) return
      process.on('message', (message) => {
        if (message === SIBLINGS_STOP) listener()
      })
      process.on('disconnect', listener)
    },
    onUncaught(listener) {
      process.on('uncaughtException', (error) => listener('uncaught_exception', error))
      process.on('unhandledRejection', (reason) => listener('unhandled_rejection', reason))
    },
    exit: (code) => process.exit(code),
  }
}

const PARENT_LOOK_MS = 500

/** `npm run` and `npx` start a shell that starts us, and pass a signal on to the shell, which passes on nothing. */
function isRunByNpm(): boolean {
  return process.env['npm_execpath'] !== undefined
}

/** Who has lost the parent, or the parent's parent, belongs to another process. */
function watchParent(lost: () => void): NodeJS.Timeout {
  const parents = (): string => `${process.ppid} ${parentOf(process.ppid)}`
  const before = parents()
  return setInterval(() => {
    if (parents() !== before) lost()
  }, PARENT_LOOK_MS).unref()
}

/** Linux alone tells; elsewhere a shell that has lost npm is not noticed. */
function parentOf(pid: number): string {
  try {
    return /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  } catch {
    // No Linux, or gone in this moment, and then it is not our parent at the next look.
    return ''
  }
}

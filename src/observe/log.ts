/**
 * The log: one JSON object a line (pino), or a readable line on a terminal. No field and no text of it shows a secret.
 */
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino'
import { prettyLine } from './pretty.ts'
import { redactFields, redactText } from './redact.ts'

/** What rooms take. The message is a constant sentence; what varies is in the fields, an error as `err`. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Where logs come from; held by whoever puts the rooms together. */
export interface LogRoot extends Log {
  /** A log of which every line carries the fields too. */
  with(fields: object): Log
  /** From now on, here and in all that `with` has made. */
  setLevel(level: LogLevel): void
  readonly level: LogLevel
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  readonly level: LogLevel
  /** `auto`: where the output is a terminal. */
  readonly pretty: boolean | 'auto'
  /** Fields of every line. */
  readonly bindings: object
  /** Instead of standard output; gets whole lines. */
  readonly destination?: { write(line: string): void }
}

export function createLog(options: LogOptions): LogRoot {
  const logger = pino(
    {
      level: options.level,
      // The host's name and the process id say nothing that the bindings (the node's id) do not say better.
      base: redactFields(options.bindings),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(fields) as Record<string, unknown>,
      },
      serializers: { err: describeError },
      hooks: { streamWrite: redactText },
    },
    outputOf(options),
  )
  return rootOf(logger)
}

function rootOf(logger: Logger): LogRoot {
  // Children have a level of their own.
  const children: LogRoot[] = []
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    with(fields) {
      const child = rootOf(logger.child(redactFields(fields)))
      children.push(child)
      return child
    },
    get level() {
      return logger.level as LogLevel
    },
    setLevel(level) {
      logger.level = level
      for (const child of children) child.setLevel(level)
    },
  }
}

/** Only what every error has: foreign errors carry requests, options and payloads as properties of their own. */
function describeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown
  const { type, message, stack } = stdSerializers.err(thrown)
  const code = (thrown as { code?: unknown }).code
  return { type, message, stack, ...(typeof code === 'string' ? { code } : {}) }
}

function outputOf(options: LogOptions): DestinationStream {
  if (options.destination !== undefined) return options.destination
  const wanted = options.pretty === 'auto' ? process.stdout.isTTY : options.pretty
  // Synchronous: the last lines before a crash are the ones that matter, and nothing on the way of a message is logged.
  const output = pino.destination({ dest: 1, sync: true })
  if (!wanted) return output
  // Colours are for eyes: a file that keeps these lines has none.
  const colored = process.stdout.isTTY
  return { write: (line) => void output.write(prettyLine(line, colored)) }
}

/** Says nothing. For rooms that run alone, in tests and benches. */
export const silentLog: LogRoot = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
  setLevel() {},
  level: 'silent',
}

/**
 * What a node logs, asked for and changed while it runs, at any node. After the time that was said it logs again what its
 * configuration says.
 */
import * as z from 'zod'
import { atNode, type AtNodePorts } from './at-node.ts'
import type { ApiAnswer, Route } from './route.ts'
import { Body, field, maybe, time } from './takes.ts'
import type { Clock, Timer } from '../clock.ts'
import { LOG_LEVELS, type LogLevel, type LogRoot } from '../observe/log.ts'

export interface LogLevelPorts extends AtNodePorts {
  readonly log: Pick<LogRoot, 'level' | 'setLevel' | 'info'>
  readonly clock: Pick<Clock, 'now' | 'after'>
}

const PATH = '/v1/nodes/{node}/log-level'
const FOR_MIN_MS = 1000
const FOR_MAX_MS = 86_400_000

export const LEVEL_WISH = new Body('{"level":"debug","for":"10m"}', () =>
  z.strictObject({
    level: field(z.enum(LOG_LEVELS), `is one of ${LOG_LEVELS.join(', ')}`),
    for: maybe(
      time(z.string(), FOR_MIN_MS, FOR_MAX_MS),
      'is a time from 1s to 1d, such as "10m"',
      'Such as 10m; absent: without end.',
    ),
  }),
)

export function logLevelRoutes(ports: LogLevelPorts): Route[] {
  const level = new Level(ports)
  const answer = (): Promise<ApiAnswer> =>
    Promise.resolve({ status: 200, json: { node: ports.nodeId, ...level.now } })
  const get = { method: 'GET', path: PATH, scope: 'admin' } as const
  const put = { method: 'PUT', path: PATH, scope: 'admin', audit: 'set the log level' } as const
  return [
    { ...get, handle: (request) => atNode(ports, get, request, answer) },
    {
      ...put,
      handle: (request) =>
        atNode(ports, put, request, async () => {
          level.set(await LEVEL_WISH.read(request))
          return answer()
        }),
    },
  ]
}

class Level {
  readonly #ports: LogLevelPorts
  /** While another one is set: what was, and when that is again. */
  #configured: LogLevel | undefined
  #until: number | undefined
  #timer: Timer | undefined

  constructor(ports: LogLevelPorts) {
    this.#ports = ports
  }

  get now(): { level: LogLevel; configured: LogLevel; until?: number } {
    const { level } = this.#ports.log
    const until = this.#until === undefined ? {} : { until: this.#until }
    return { level, configured: this.#configured ?? level, ...until }
  }

  set({ level, for: forMs }: z.output<typeof LEVEL_WISH.schema>): void {
    const { log, clock } = this.#ports
    this.#timer?.cancel()
    this.#timer = this.#until = undefined
    const before = (this.#configured ??= log.level)
    log.setLevel(level)
    if (forMs === undefined) return
    this.#until = clock.now() + forMs
    this.#timer = clock.after(forMs, () => {
      this.#until = this.#configured = undefined
      log.setLevel(before)
      log.info({ level: before }, 'the time is over for which something else was logged')
    })
  }
}

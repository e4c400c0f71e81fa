/**
 * How many files this process may have open: each connection is one. Where there are no more, clients are not refused but
 * left waiting by the system, and nobody is told why. So it is said at the start.
 */
import { readFileSync } from 'node:fs'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node/contract.ts'

/** Beside connections: code, logs, NATS, Redis, other nodes, and what comes and goes. */
const OTHERS = 256
/** What a node is expected to hold where nobody has set a limit of its own. */
const EXPECTED = 10_000

/** Linux alone tells. Node has raised what it may raise itself. */
export function openFilesMax(
  read: () => string = () => readFileSync('/proc/self/limits', 'utf8'),
): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+|unlimited) /m.exec(read()) ?? []
    return soft === undefined || soft === 'unlimited' ? undefined : Number(soft)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What to do about it; `undefined`: nothing. `connections`: `limits.connections`, 0 is none. */
export function fileLimitAdvice(openMax: number | undefined, connections: number): string | undefined {
  if (openMax === undefined) return undefined
  const wanted = connections === 0 ? EXPECTED : connections
  if (openMax >= wanted + OTHERS) return undefined
  const why =
    connections === 0
      ? `with no limits.connections, and room for ${Math.max(0, openMax - OTHERS)}`
      : `and limits.connections is ${connections}`
  return `this process may have ${openMax} files open, ${why}: each connection is one. Raise it (LimitNOFILE= in systemd, ulimits in compose, ulimit -n in a shell) to ${wanted + OTHERS} or more, or set limits.connections to ${Math.max(1, openMax - OTHERS)} or less`
}

/** To be called once a node runs. */
export function adviseOnFiles({ limits }: Config, { log }: Node): void {
  const advice = fileLimitAdvice(openFilesMax(), limits.connections)
  if (advice !== undefined) log.warn({}, advice)
}

/**
 * Watching a job of the cluster: the terminal only looks, from any node, and may go and come back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from './command-error.ts'
import { barLine, headLines, progressLine, reportLines, stateOf } from './drain-view.ts'
import { ApiFailure, type GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import type { JobView } from '../drain/job-view.ts'

const LOOK_INTERVAL_MS = 500
/** Redis may be away for some time; and so may the node that is asked, where another one takes its place at that address. */
const SILENCE_MAX_MS = 30_000
/** In a pipe a line each time would be a flood. */
const LINE_INTERVAL_MS = 5000

export interface WatchOptions {
  /** A line of JSON for each look that shows something new, and nothing else. */
  readonly json?: true
}

export async function readJob(api: GatewayApi, id: string): Promise<JobView> {
  return ((await api.get(`/v1/drains/${encodeURIComponent(id)}`)) as { readonly job: JobView }).job
}

/** Until it has ended; answers how. Fails where nothing is heard of it for long. */
export async function watchJob(
  api: GatewayApi,
  id: string,
  terminal: Terminal,
  { json }: WatchOptions,
): Promise<JobView> {
  let told = ''
  let toldAtMs = 0
  let heardAtMs = Date.now()
  for (;;) {
    const job = await look(api, id)
    if (job instanceof ApiFailure) {
      if (Date.now() - heardAtMs > SILENCE_MAX_MS) {
        clear(terminal, json)
        throw new CommandError(
          `nothing was heard of ${id} for ${SILENCE_MAX_MS / 1000} s (${job.message}): it goes on without this terminal; ` +
            `ask another node, or several, with --url: sluice drain --watch ${id}`,
        )
      }
      await delay(LOOK_INTERVAL_MS)
      continue
    }
    heardAtMs = Date.now()
    const isOver = job.endedAt !== undefined
    const state = stateOf(job)
    const isNew = state !== told || Date.now() - toldAtMs >= LINE_INTERVAL_MS
    if (json) {
      if (isNew) terminal.print(JSON.stringify(job))
    } else if (terminal.interactive) terminal.update(barLine(job))
    else if (isNew) terminal.tell(progressLine(job))
    if (isNew) {
      told = state
      toldAtMs = Date.now()
    }
    if (isOver) {
      clear(terminal, json)
      return job
    }
    await delay(LOOK_INTERVAL_MS)
  }
}

/** As a table, or as JSON. */
export function printReport(job: JobView, terminal: Terminal, json?: true): void {
  const lines = json ? [JSON.stringify(job)] : [...headLines(job), '', ...reportLines(job)]
  for (const line of lines) terminal.print(line)
}

function clear(terminal: Terminal, json: true | undefined): void {
  if (terminal.interactive && !json) terminal.update('')
}

/** A failure says nothing of the job where Redis is away, or who was asked. */
async function look(api: GatewayApi, id: string): Promise<JobView | ApiFailure> {
  try {
    return await readJob(api, id)
  } catch (error) {
    if (error instanceof ApiFailure && (error.code === 'unavailable' || error.code === 'unreachable'))
      return error
    throw error
  }
}

/** A drain of several nodes as one job of the cluster, asked for and watched over the HTTP API. */
import type { GatewayProcess } from '../../../test/support/gateway-process.ts'

/** What is looked at of `GET /v1/drains/{job}`. */
export interface JobSeen {
  readonly id: string
  readonly state: string
  readonly nodes: readonly { readonly id: string; readonly part: string }[]
  readonly told: number
  readonly moved: number
  readonly forced: number
  readonly unseen: number
  readonly movesPerClient?: number
  readonly elapsedMs: number
  readonly deadlineInMs?: number
  readonly holding?: string
}

export interface JobEnd {
  readonly last: JobSeen
  /** Since it was asked for. */
  readonly tookMs: number
  readonly deadlineMs: number
}

const LOOK_EVERY_MS = 500
/** Of a node that has died the table of nodes tells for a while yet. */
const SILENCE_MAX_MS = 60_000

export async function beginJob(at: GatewayProcess, wish: object): Promise<JobSeen> {
  const answer = await at.api('POST', '/v1/drains', wish)
  const body = (await answer.json()) as { readonly job?: JobSeen }
  if (answer.status !== 200 || body.job === undefined)
    throw new Error(`the job was answered with ${answer.status}: ${JSON.stringify(body)}`)
  return body.job
}

/** Until it is over; `at` is asked each time anew, since whoever was asked may have gone. */
export async function watchJob(id: string, at: () => GatewayProcess): Promise<JobEnd> {
  const startedMs = performance.now()
  let deadlineMs = Number.NaN
  let heardMs = startedMs
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const job = await jobAt(at(), id)
    if (job === undefined) {
      if (performance.now() - heardMs > SILENCE_MAX_MS) throw new Error(`nothing is heard of job ${id}`)
      continue
    }
    heardMs = performance.now()
    if (Number.isNaN(deadlineMs) && job.deadlineInMs !== undefined)
      deadlineMs = job.elapsedMs + job.deadlineInMs
    if (job.state !== 'running' && job.state !== 'paused')
      return { last: job, tookMs: performance.now() - startedMs, deadlineMs }
  }
}

export async function jobAt(node: GatewayProcess, id: string): Promise<JobSeen | undefined> {
  try {
    const answer = await node.api('GET', `/v1/drains/${id}`)
    return answer.status === 200 ? ((await answer.json()) as { readonly job: JobSeen }).job : undefined
  } catch (error) {
    // Nobody listens.
    if (error instanceof TypeError) return undefined
    throw error
  }
}

export function jobText({ last, tookMs, deadlineMs }: JobEnd): string {
  const { state, nodes, told, moved, forced, unseen, movesPerClient } = last
  const parts = nodes.map(({ part }) => part).join(', ')
  return (
    `${state} after ${(tookMs / 1000).toFixed(1)} s of ${(deadlineMs / 1000).toFixed(1)} s (nodes: ${parts}); ` +
    `${told} told, ${moved} moved, ${forced} closed, ${unseen} unseen, ${movesPerClient ?? 0} moves per client`
  )
}

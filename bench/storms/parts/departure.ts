/** A node that goes, watched until its process has ended. */
import type { GatewayProcess } from '../../../test/support/gateway-process.ts'
import type { DrainProgress } from '../../../src/drain/drain.ts'
import { parsePlan } from '../../../src/config/drain-plan.ts'
import { lengthMs, scheduleOf } from '../../../src/drain/schedule.ts'

const LOOK_EVERY_MS = 200
/** The default of `drain.deregisterDelay`. */
const DEREGISTER_MS = 10_000

export interface Departure {
  readonly node: string
  readonly version: string
  /** Nodes of one go together: whoever is at any of them moves once. */
  readonly round: number
  readonly exit: number | null
  /** Connections when moving began. */
  readonly clients: number
  /** For how long the plan moves so many, and the distance of its steps: who is asked last is asked at the last step. */
  readonly planMs: number
  readonly stepMs: number
  /** From the end of the deregister delay until the last of them was asked. */
  readonly askedMs: number
  /** The same since it was watched. */
  readonly lastAskedMs: number
  /** From the signal to the end of the process. */
  readonly tookMs: number
  readonly deadlineMs: number
  readonly last: DrainProgress | undefined
  readonly heldBy: readonly string[]
}

export interface DepartureOptions {
  readonly plan: string
  readonly version: string
  /** Default: the first and only one. */
  readonly round?: number
  /** What makes it go; answers the exit code. Default: SIGTERM. */
  readonly goes?: () => Promise<number | null>
}

/** Resolves when it has gone. */
export async function depart(
  node: GatewayProcess,
  { plan, version, round = 0, goes = () => node.stop() }: DepartureOptions,
): Promise<Departure> {
  const startedMs = performance.now()
  const { id } = node
  let ended = false
  let last: DrainProgress | undefined
  let deadlineMs = Number.NaN
  let asked = { count: 0, atMs: 0, sinceMs: 0 }
  const heldBy = new Set<string>()
  const stopped = goes().finally(() => (ended = true))
  while (!ended) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const progress = await progressOf(node)
    if (progress === undefined) continue
    last = progress
    if (Number.isNaN(deadlineMs) && progress.deadlineInMs !== undefined)
      deadlineMs = progress.elapsedMs + progress.deadlineInMs
    if (progress.holding !== undefined) heldBy.add(progress.holding)
    const count = askedOf(progress)
    if (count > asked.count)
      asked = { count, atMs: progress.elapsedMs, sinceMs: performance.now() - startedMs }
  }
  const clients = last?.total ?? 0
  const schedule = scheduleOf(parsedPlan(plan), clients)
  const planMs = lengthMs(schedule)
  const tookMs = performance.now() - startedMs
  return {
    node: id,
    version,
    round,
    exit: await stopped,
    clients,
    planMs,
    stepMs: schedule.everyMs,
    askedMs: asked.atMs - DEREGISTER_MS,
    lastAskedMs: asked.sinceMs,
    tookMs,
    deadlineMs,
    last,
    heldBy: [...heldBy],
  }
}

/** Without polls: of those whoever comes while others are moved counts as told. */
function askedOf({ transports: { websocket, sse } }: DrainProgress): number {
  return (websocket?.told ?? 0) + (sse?.told ?? 0)
}

async function progressOf(node: GatewayProcess): Promise<DrainProgress | undefined> {
  try {
    const answer = await node.api('GET', `/v1/nodes/${node.id}/drain`)
    if (answer.status !== 200) return undefined
    return ((await answer.json()) as { readonly drain: DrainProgress | null }).drain ?? undefined
  } catch (error) {
    // It has gone.
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function parsedPlan(text: string): NonNullable<ReturnType<typeof parsePlan>> {
  const plan = parsePlan(text)
  if (plan === undefined) throw new Error(`--plan ${text} is none`)
  return plan
}

/**
 * Jobs of the cluster: the nodes of a region, of a version, or by name, drained as one, and clients moved from full nodes to
 * emptier ones. Asked for at any node, and carried out by whichever nodes live.
 */
import type * as z from 'zod'
import { JOB_CHANGE, JOB_EXAMPLE, JOB_WISH, REBALANCE_ALL_WISH } from './job-wishes.ts'
import { nodeNamed } from './node-named.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { destinationIn } from '../cluster/destination.ts'
import type { Cordon } from '../cluster/orders.ts'
import { newJobId, type JobBook } from '../drain/job-book.ts'
import {
  chosenFrom,
  drainJob,
  forecastOf,
  rebalanceJob,
  whatText,
  type Selection,
} from '../drain/job-making.ts'
import type { JobDelays } from '../drain/job-pace.ts'
import { listed, viewOf, type JobView } from '../drain/job-view.ts'
import { changed, isOpen, isOver, JOB_NODES_MAX, type Job, type JobChange } from '../drain/job.ts'
import { SluiceError } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { NodeInfo } from '../registry/registry.ts'

export interface JobRoutePorts {
  readonly book: JobBook
  readonly delays: JobDelays
  /** Fails with `unavailable`. */
  readonly nodes: () => Promise<readonly NodeInfo[]>
  /** The plan of the configuration. */
  readonly plan: string
  /** The version that clients go to. */
  readonly target: () => string
  readonly cordon: (what: Pick<Cordon, 'kind' | 'what'>, by: string) => Promise<void>
  readonly log: Pick<Log, 'info'>
}

const DRAINS = '/v1/drains'
const DRAIN = '/v1/drains/{job}'
const REBALANCES = '/v1/rebalances'
const REBALANCE_PLAN = '5m'

export function jobRoutes(ports: JobRoutePorts): Route[] {
  const scope = 'admin'
  return [
    { method: 'GET', path: DRAINS, scope, handle: () => list(ports) },
    { method: 'POST', path: DRAINS, scope, audit: 'drain', handle: (request) => drain(ports, request) },
    { method: 'GET', path: DRAIN, scope, handle: (request) => show(ports, request.params['job'] as string) },
    {
      method: 'POST',
      path: DRAIN,
      scope,
      audit: 'change drain',
      handle: (request) => change(ports, request),
    },
    {
      method: 'DELETE',
      path: DRAIN,
      scope,
      audit: 'cancel drain',
      handle: (request) => changeJob(ports, request, { cancel: true }),
    },
    {
      method: 'POST',
      path: REBALANCES,
      scope,
      audit: 'rebalance',
      handle: (request) => rebalance(ports, request),
    },
  ]
}

async function list(ports: JobRoutePorts): Promise<ApiAnswer> {
  return { status: 200, json: { jobs: (await ports.book.all()).map(listed) } }
}

async function show(ports: JobRoutePorts, wanted: string): Promise<ApiAnswer> {
  return { status: 200, json: { job: await viewed(ports, await ports.book.find(wanted)) } }
}

export async function viewed(
  { book, delays, nodes }: Pick<JobRoutePorts, 'book' | 'delays' | 'nodes'>,
  job: Job,
): Promise<JobView> {
  const [outcomes, nowMs, table] = await Promise.all([
    book.outcomes(
      job.id,
      job.nodes.map(({ id }) => id),
    ),
    book.nowMs(),
    nodes(),
  ])
  const here = new Set(table.map(({ id }) => id))
  return viewOf(job, outcomes, { nowMs, delays, here: (id) => here.has(id) })
}

async function drain(ports: JobRoutePorts, request: ApiRequest): Promise<ApiAnswer> {
  const { book, delays, target, cordon } = ports
  const wish = await JOB_WISH.read(request)
  const { to, deadline, dryRun: isDry = false } = wish
  const by = request.caller.grant.name
  const command = {
    ...{ id: newJobId('drain'), by, parallel: wish.parallel },
    ...reasonIn(wish),
    plan: wish.plan ?? ports.plan,
    ...(deadline === undefined ? {} : { deadlineMs: deadline }),
  }
  const all = await ports.nodes()
  const selection = selectionIn(wish, all)
  const chosen = chosenFrom(all, selection)
  if (chosen.length === 0)
    throw new SluiceError('not_found', `no node fits ${whatText(selection)}; GET /v1/nodes lists them`)
  if (chosen.length > JOB_NODES_MAX)
    throw new SluiceError(
      'limit_exceeded',
      `a job has at most ${JOB_NODES_MAX} nodes; these are ${chosen.length}`,
    )
  // Fails where nobody says how that region is reached.
  if (to !== undefined) destinationIn(to, all)
  refuseTwice(chosen, (await book.running()).values())
  const nowMs = await book.nowMs()
  const planned = drainJob(
    chosen,
    whatText(selection),
    { ...command, ...(to === undefined ? {} : { to }), target: target(), nowMs },
    delays,
  )
  const job: Job = wish.finish ? { ...planned, now: true } : planned
  if (wish.cordon && !isDry) for (const what of cordonsOf(selection, chosen)) await cordon(what, by)
  return begin(ports, job, all, isDry)
}

async function rebalance(ports: JobRoutePorts, request: ApiRequest): Promise<ApiAnswer> {
  const { book, target } = ports
  const wish = await REBALANCE_ALL_WISH.read(request)
  const all = await ports.nodes()
  const job = rebalanceJob(all, wish.region, {
    id: newJobId('rebalance'),
    by: request.caller.grant.name,
    ...reasonIn(wish),
    plan: wish.plan ?? REBALANCE_PLAN,
    parallel: 1,
    target: target(),
    nowMs: await book.nowMs(),
  })
  if (job === undefined) return { status: 200, json: { job: null } }
  const running = [...(await book.running()).values()]
  if (running.some(({ kind }) => kind === 'rebalance'))
    throw new SluiceError('bad_request', 'a rebalance is running already; cancel it first')
  refuseTwice(job.nodes, running)
  return begin(ports, job, all, wish.dryRun ?? false)
}

async function begin(
  ports: JobRoutePorts,
  job: Job,
  all: readonly NodeInfo[],
  isDry: boolean,
): Promise<ApiAnswer> {
  const { book, delays, log } = ports
  const forecast = forecastOf(job, all, delays)
  if (isDry) return { status: 200, json: { job, forecast } }
  await book.create(job)
  const { id, kind, by, reason, what, plan, nodes } = job
  log.info({ job: id, kind, by, reason, what, plan, nodes: nodes.length }, 'a job of the cluster was begun')
  return { status: 200, json: { job: await viewed(ports, job), forecast } }
}

async function change(ports: JobRoutePorts, request: ApiRequest): Promise<ApiAnswer> {
  const { finish, ...what } = await JOB_CHANGE.read(request)
  return changeJob(ports, request, finish ? { ...what, now: true } : what)
}

async function changeJob(ports: JobRoutePorts, request: ApiRequest, what: JobChange): Promise<ApiAnswer> {
  const { book, log } = ports
  const { id } = await book.find(request.params['job'] as string)
  const next = await book.change(id, (job, nowMs) => job && changed(job, what, nowMs))
  if (next === undefined) throw new SluiceError('bad_request', `${id} has ended, or was cancelled`)
  log.info({ job: id, by: request.caller.grant.name, ...what }, 'a job of the cluster was changed')
  return { status: 200, json: { job: await viewed(ports, next) } }
}

/** Each node is drained once. */
function refuseTwice(nodes: readonly { readonly id: string }[], running: Iterable<Job>): void {
  for (const job of running) {
    if (isOver(job) || job.state === 'cancelled') continue
    const twice = job.nodes.find((node) => isOpen(node) && nodes.some(({ id }) => id === node.id))
    if (twice !== undefined)
      throw new SluiceError('bad_request', `node ${twice.id} is part of ${job.id} already; cancel that first`)
  }
}

/** A node is known by its address when its supervisor starts it again; a version wherever it starts. */
function cordonsOf(
  { nodes, region, version }: Selection,
  chosen: readonly NodeInfo[],
): readonly Pick<Cordon, 'kind' | 'what'>[] {
  if (version !== undefined && nodes === undefined && region === undefined)
    return [{ kind: 'version', what: version }]
  return chosen.map(({ address }) => ({ kind: 'address', what: address }))
}

type Wish = z.output<typeof JOB_WISH.schema>

function selectionIn({ nodes, region, version }: Wish, all: readonly NodeInfo[]): Selection {
  if (nodes === undefined && region === undefined && version === undefined)
    throw new SluiceError('bad_request', `which nodes? Give nodes, region or version, such as ${JOB_EXAMPLE}`)
  return {
    ...(nodes === undefined ? {} : { nodes: [...new Set(nodes.map((name) => nodeNamed(name, all)))] }),
    ...(region === undefined ? {} : { region }),
    ...(version === undefined ? {} : { version }),
  }
}

function reasonIn({ reason }: Pick<Wish, 'reason'>): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}

/**
 * Jobs of the cluster: the nodes of a region, of a version, or by name, drained as one, and clients moved from full nodes to
 * emptier ones. Asked for at any node, and carried out by whichever nodes live.
 */
import { nodeNamed } from './node-named.ts'
import { readObject } from './read-object.ts'
import type { ApiAnswer, ApiRequest, Route } from './route.ts'
import { destinationIn } from '../cluster/destination.ts'
import type { Cordon } from '../cluster/orders.ts'
import { isVersionPattern, VERSION_PATTERN_RULE } from '../cluster/orders.ts'
import { isPlan, PLAN_RULE } from '../config/drain-plan.ts'
import { isLabel } from '../config/forms.ts'
import { DURATION, durationMs } from '../config/units.ts'
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
import {
  changed,
  isOpen,
  isOver,
  JOB_NODES_MAX,
  REASON_LENGTH_MAX,
  type Job,
  type JobChange,
} from '../drain/job.ts'
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
const PARALLEL_MAX = 64
const REBALANCE_PLAN = '5m'
const JOB_EXAMPLE = '{"region":"eu","plan":"1%/5m","parallel":2}'

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
  const fields = readObject(await request.body(), request.jsonDepthMax, JOB_FIELDS, JOB_EXAMPLE)
  const by = request.caller.grant.name
  const deadlineMs = deadlineIn(fields['deadline'])
  const command = {
    id: newJobId('drain'),
    by,
    ...reasonIn(fields['reason']),
    plan: planIn(fields['plan']) ?? ports.plan,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    parallel: parallelIn(fields['parallel']) ?? 1,
  }
  const to = labelIn('to', fields['to'])
  const [isDry, isCordoned, isAtOnce] = (['dryRun', 'cordon', 'finish'] as const).map((name) =>
    flagIn(name, fields[name]),
  )
  const all = await ports.nodes()
  const selection = selectionIn(fields, all)
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
  const job: Job = isAtOnce ? { ...planned, now: true } : planned
  if (isCordoned && !isDry) for (const what of cordonsOf(selection, chosen)) await cordon(what, by)
  return begin(ports, job, all, isDry === true)
}

async function rebalance(ports: JobRoutePorts, request: ApiRequest): Promise<ApiAnswer> {
  const { book, target } = ports
  const fields = readObject(await request.body(), request.jsonDepthMax, REBALANCE_FIELDS, '{"plan":"5m"}')
  const all = await ports.nodes()
  const region = labelIn('region', fields['region'])
  const job = rebalanceJob(all, region, {
    id: newJobId('rebalance'),
    by: request.caller.grant.name,
    ...reasonIn(fields['reason']),
    plan: planIn(fields['plan']) ?? REBALANCE_PLAN,
    parallel: 1,
    target: target(),
    nowMs: await book.nowMs(),
  })
  if (job === undefined) return { status: 200, json: { job: null } }
  const running = [...(await book.running()).values()]
  if (running.some(({ kind }) => kind === 'rebalance'))
    throw new SluiceError('bad_request', 'a rebalance is running already; cancel it first')
  refuseTwice(job.nodes, running)
  return begin(ports, job, all, flagIn('dryRun', fields['dryRun']))
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
  const fields = readObject(await request.body(), request.jsonDepthMax, CHANGE_FIELDS, '{"paused":true}')
  const { paused } = fields
  if (paused !== undefined && typeof paused !== 'boolean')
    throw new SluiceError('bad_request', 'paused must be true or false')
  const plan = planIn(fields['plan'])
  const parallel = parallelIn(fields['parallel'])
  return changeJob(ports, request, {
    ...(plan === undefined ? {} : { plan }),
    ...(paused === undefined ? {} : { paused }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(flagIn('finish', fields['finish']) ? { now: true } : {}),
  })
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

const REBALANCE_FIELDS = ['region', 'plan', 'reason', 'dryRun']
const CHANGE_FIELDS = ['plan', 'paused', 'parallel', 'finish']
const JOB_FIELDS = [
  'nodes',
  'region',
  'version',
  'plan',
  'parallel',
  'deadline',
  'to',
  'reason',
  'cordon',
  'finish',
  'dryRun',
]

type Fields = Readonly<Record<string, unknown>>

function selectionIn({ nodes, region: where, version }: Fields, all: readonly NodeInfo[]): Selection {
  const region = labelIn('region', where)
  if (version !== undefined && (typeof version !== 'string' || !isVersionPattern(version)))
    throw new SluiceError('bad_request', `version is ${VERSION_PATTERN_RULE}`)
  const named = nodes === undefined ? undefined : namedIn(nodes, all)
  if (named === undefined && region === undefined && version === undefined)
    throw new SluiceError('bad_request', `which nodes? Give nodes, region or version, such as ${JOB_EXAMPLE}`)
  return {
    ...(named === undefined ? {} : { nodes: named }),
    ...(region === undefined ? {} : { region }),
    ...(version === undefined ? {} : { version }),
  }
}

function namedIn(nodes: unknown, all: readonly NodeInfo[]): NodeInfo[] {
  if (!Array.isArray(nodes) || nodes.length === 0 || !nodes.every((name) => typeof name === 'string' && name))
    throw new SluiceError('bad_request', 'nodes must be a list of ids, or of their beginnings')
  return [...new Set((nodes as string[]).map((name) => nodeNamed(name, all)))]
}

function labelIn(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && isLabel(value))) return value
  throw new SluiceError('bad_request', `${name} must be a text of 1 to 64 of A-Z a-z 0-9 _ . + -`)
}

function planIn(plan: unknown): string | undefined {
  if (plan === undefined || (typeof plan === 'string' && isPlan(plan))) return plan
  throw new SluiceError('bad_request', `plan must be ${PLAN_RULE}`)
}

function parallelIn(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= PARALLEL_MAX)
    return value as number
  throw new SluiceError('bad_request', `parallel must be a whole number from 1 to ${PARALLEL_MAX}`)
}

function deadlineIn(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'string' && DURATION.test(value) ? durationMs(value) : undefined
  if (ms !== undefined && ms >= 1000) return ms
  throw new SluiceError('bad_request', 'deadline must be a time from 1s on, such as 20m')
}

function reasonIn(value: unknown): { readonly reason?: string } {
  if (value === undefined) return {}
  if (typeof value === 'string' && value.length > 0 && value.length <= REASON_LENGTH_MAX)
    return { reason: value }
  throw new SluiceError('bad_request', `reason must be a text of 1 to ${REASON_LENGTH_MAX} characters`)
}

function flagIn(name: string, value: unknown): boolean {
  if (value === undefined || value === true) return value === true
  throw new SluiceError('bad_request', `${name} must be true, or be left out`)
}

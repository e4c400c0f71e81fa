/**
 * `sluice drain`: has the cluster move the clients of nodes to the others, and shows how it goes.
 */
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { forecastLines, progressLine } from './drain-view.ts'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import { listJobs } from './reports.ts'
import type { Terminal } from './terminal.ts'
import { printReport, watchJob } from './watch-job.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import type { Forecast } from '../drain/job-making.ts'
import type { JobView, ListedJob } from '../drain/job-view.ts'
import { isOpen, JOB_KINDS, type Job } from '../drain/job.ts'

const EXAMPLES = `
Examples:
  $ sluice drain 4f1c                              the node whose id begins so, as its configuration says
  $ sluice drain 4f1c --batch 5% --every 2m --watch
  $ sluice drain --version '1.4.*' --over 10m --report drain.json
  $ sluice drain --region eu --to eu-west          and its clients go to another region
  $ sluice drain --region eu --batch 1% --every 5m --parallel 2
  $ sluice drain --region eu --dry-run             what would move where, how long, and what is in the way
  $ sluice drain 4f1c --cordon                     and it stays out when its supervisor starts it again
  $ sluice drain --watch                           the drain that runs; or --watch drain-5d1c03fa
  $ sluice drain drain-5d1c03fa --pause            and --resume, --now, --cancel, or another pace

Each node stops when it is empty. Several nodes are one drain, and the pace is that of all of them: they go one after the
other, the oldest first, or --parallel at a time. The cluster carries it out: this terminal only watches, and may go.
`

interface Options extends ApiOptions {
  readonly batch?: string
  readonly every?: string
  readonly over?: string
  readonly fast?: true
  readonly version?: string
  readonly region?: string
  readonly to?: string
  readonly parallel?: string
  readonly deadline?: string
  readonly reason?: string
  readonly pause?: true
  readonly resume?: true
  readonly now?: true
  readonly cancel?: true
  readonly cordon?: true
  readonly dryRun?: true
  readonly watch?: true | string
  readonly report?: string
  readonly json?: true
}

export function addDrain(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('drain')
      .summary('move the clients of nodes elsewhere, and stop them')
      .description(
        'Moves the clients of nodes to the others, at a pace that the cluster takes, and stops the nodes.',
      )
      .argument('[nodes...]', 'ids of nodes, or their beginnings; or a drain that runs')
      .option('--batch <size>', 'connections in each batch: a number, or a part such as 5%')
      .option('--every <time>', 'time between two batches')
      .option('--over <time>', 'all connections, spread over this time')
      .option('--fast', 'as fast as the others take them, and no faster')
      .option('--version <pattern>', 'all nodes of a version, such as 1.4.*')
      .option('--region <region>', 'all nodes of a region')
      .option('--parallel <nodes>', 'so many nodes at a time (1)')
      .option('--deadline <time>', 'by then it has ended, and whoever is left is closed')
      .option('--reason <text>', 'why, for the log and the report')
      .option(
        '--to <region>',
        'clients go to this region, to where its nodes say that it is reached (node.publicUrl)',
      )
      .option('--pause', 'ask nobody to move for now')
      .option('--resume', 'go on')
      .option('--now', 'ask everybody at once')
      .option('--cancel', 'the nodes stay, and take clients again')
      .option('--cordon', 'keep them out, also when they are started again; sluice uncordon ends that')
      .option('--dry-run', 'say what would be done, and do nothing')
      .option('--watch [job]', 'show how it goes, until it has ended; a job: one that runs already')
      .option('--report <file>', 'wait for the end, and write what became of whom, as JSON')
      .option('--json', 'print JSON, a line for each change'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((names: readonly string[], options: Options) => drain(names, options, terminal))
}

async function drain(names: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const change = changeOf(options)
  const api = apiOf(options, terminal.env)
  const { region, version, json, watch } = options
  if (names.length === 0 && region === undefined && version === undefined) {
    if (watch === undefined)
      throw new CommandError(
        'which node? Give an id (sluice status shows them), --version, --region, or --watch',
        EXIT_USAGE,
      )
    await follow(api, typeof watch === 'string' ? watch : (await runningJob(api)).id, options, terminal)
    return
  }
  if (typeof watch === 'string')
    throw new CommandError(
      `--watch ${watch} stands alone; to watch what begins, write --watch last`,
      EXIT_USAGE,
    )
  const changed = await changeRunning(api, names, options, change)
  if (changed !== undefined) {
    for (const job of changed) tell(job, terminal, json)
    const [job] = changed
    if (job !== undefined && !options.cancel && waits(options)) await follow(api, job.id, options, terminal)
    return
  }
  if (options.pause || options.resume || options.cancel)
    throw new CommandError('no drain of that runs; sluice drains lists them')
  const body = { ...commandOf(names, options), ...change }
  const answer = (await api.post('/v1/drains', JSON.stringify(body))) as Begun
  if (options.dryRun) {
    if (json) terminal.print(JSON.stringify(answer))
    else for (const line of forecastLines(answer.job, answer.forecast)) terminal.print(line)
    return
  }
  const { id } = answer.job
  if (!json) {
    terminal.print(id)
    for (const what of answer.forecast.inTheWay) terminal.tell(`in the way: ${what}`)
    terminal.tell(`the cluster carries it out; sluice drain --watch ${id} shows how it goes`)
  }
  if (waits(options)) await follow(api, id, options, terminal)
  else if (json) terminal.print(JSON.stringify(answer.job))
}

interface Begun {
  readonly job: Job
  readonly forecast: Forecast
}

function waits({ watch, report }: Options): boolean {
  return watch !== undefined || report !== undefined
}

async function follow(api: GatewayApi, id: string, options: Options, terminal: Terminal): Promise<void> {
  const { json, report } = options
  const job = await watchJob(api, id, terminal, options)
  if (!json) printReport(job, terminal)
  if (report !== undefined) writeFileSync(report, `${JSON.stringify(job, null, 2)}\n`)
  if (job.state === 'cancelled') throw new CommandError(`${job.id} was cancelled`)
}

function tell(job: JobView, terminal: Terminal, json: true | undefined): void {
  if (json) terminal.print(JSON.stringify(job))
  else terminal.tell(progressLine(job))
}

/** The newest of those that run. */
async function runningJob(api: GatewayApi): Promise<ListedJob> {
  const [job] = (await listJobs(api)).filter(({ endedAt }) => endedAt === undefined)
  if (job === undefined) throw new CommandError('no drain runs; sluice drains lists those of the last day')
  return job
}

/** What is named is a drain that runs, or a node of one: that one is changed. `undefined`: nothing of it runs. */
async function changeRunning(
  api: GatewayApi,
  names: readonly string[],
  { cancel, dryRun }: Options,
  change: object,
): Promise<JobView[] | undefined> {
  if (names.length === 0 || dryRun) return undefined
  const jobs = (await listJobs(api)).filter(
    ({ state, endedAt }) => endedAt === undefined && state !== 'cancelled',
  )
  const paths: string[] = []
  const ids: string[] = []
  for (const name of names) {
    const isJob = [...JOB_KINDS, 'deploy'].some((kind) => name.startsWith(`${kind}-`))
    const job = isJob
      ? { id: name, nodes: [] }
      : jobs.find(({ nodes }) => nodes.some((node) => node.id.startsWith(name) && isOpen(node)))
    if (job === undefined) return undefined
    const node = job.nodes.find(({ id }) => id.startsWith(name))
    // One of several nodes is meant alone; and those that were told to stop by a signal nobody leads.
    const alone = node !== undefined && (job.nodes.length > 1 || job.id.startsWith('deploy-'))
    paths.push(
      alone ? `/v1/nodes/${encodeURIComponent(node.id)}/drain` : `/v1/drains/${encodeURIComponent(job.id)}`,
    )
    ids.push(job.id)
  }
  for (const path of paths) await (cancel ? api.delete(path) : api.post(path, JSON.stringify(change)))
  return Promise.all([...new Set(ids)].map((id) => readChanged(api, id)))
}

async function readChanged(api: GatewayApi, id: string): Promise<JobView> {
  return ((await api.get(`/v1/drains/${encodeURIComponent(id)}`)) as { readonly job: JobView }).job
}

function commandOf(names: readonly string[], options: Options): object {
  const { region, version, parallel, deadline, reason, cordon, dryRun } = options
  return {
    ...(names.length === 0 ? {} : { nodes: names }),
    ...(region === undefined ? {} : { region }),
    ...(version === undefined ? {} : { version }),
    ...(parallel === undefined ? {} : { parallel: Number(parallel) }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(reason === undefined ? {} : { reason }),
    ...(cordon ? { cordon } : {}),
    ...(dryRun ? { dryRun } : {}),
  }
}

/** What is said of the pace, and of going on; the same for a drain that begins and for one that runs. */
function changeOf({
  batch,
  every,
  over,
  fast,
  to,
  pause,
  resume,
  now,
  cancel,
  cordon,
  parallel,
}: Options): object {
  const words = Object.entries({ pause, resume, now, cancel }).filter(([, said]) => said)
  if (words.length > 1) {
    throw new CommandError(
      `${words.map(([word]) => `--${word}`).join(' and ')} do not go together: one of them at a time`,
      EXIT_USAGE,
    )
  }
  if (cordon && (pause || resume || cancel)) {
    throw new CommandError(
      '--cordon begins a drain: it does not go with --pause, --resume or --cancel',
      EXIT_USAGE,
    )
  }
  if (cancel && (batch !== undefined || every !== undefined || over !== undefined || fast)) {
    throw new CommandError('--cancel takes no pace', EXIT_USAGE)
  }
  if ((batch === undefined) !== (every === undefined) || (batch !== undefined && over !== undefined)) {
    throw new CommandError('the pace is --batch and --every together, or --over alone', EXIT_USAGE)
  }
  if (to !== undefined && (pause || resume || cancel)) {
    throw new CommandError(
      '--to begins a drain: it does not go with --pause, --resume or --cancel',
      EXIT_USAGE,
    )
  }
  if (fast && (batch !== undefined || over !== undefined)) {
    throw new CommandError('--fast is a pace: it does not go with --batch and --every, or --over', EXIT_USAGE)
  }
  if (parallel !== undefined && !/^[1-9]\d?$/.test(parallel))
    throw new CommandError('--parallel is a number of nodes, from 1 on', EXIT_USAGE)
  const plan = fast ? 'fast' : batch === undefined ? over : `${batch}/${every}`
  return {
    ...(plan === undefined ? {} : { plan }),
    ...(to === undefined ? {} : { to }),
    ...(pause ? { paused: true } : resume ? { paused: false } : {}),
    ...(now ? { finish: true } : {}),
  }
}

/**
 * `sluice rebalance`: moves clients from full nodes to those that have fewer, such as one that has just joined.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { forecastLines, progressLine } from './drain-view.ts'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import { listJobs } from './reports.ts'
import type { Terminal } from './terminal.ts'
import { printReport, watchJob } from './watch-job.ts'
import type { Forecast } from '../drain/job-making.ts'
import type { JobView } from '../drain/job-view.ts'

const EXAMPLES = `
Examples:
  $ sluice rebalance --over 10m
  $ sluice rebalance --region eu --watch
  $ sluice rebalance --dry-run                     how many would move
  $ sluice rebalance --cancel                      who has moved stays where he is now

Clients move as in a drain, make-before-break; who cannot move stays where he is. The cluster carries it out, as it does a drain:
sluice drains lists it, sluice drain --watch shows it.
`

interface Options extends ApiOptions {
  readonly over: string
  readonly region?: string
  readonly reason?: string
  readonly dryRun?: true
  readonly watch?: true
  readonly cancel?: true
  readonly json?: true
}

export function addRebalance(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('rebalance')
      .summary('move clients from full nodes to emptier ones')
      .description(
        'Moves clients from nodes that have more than the average of their region to those that have fewer.',
      )
      .option('--over <time>', 'spread over this time', '5m')
      .option('--region <region>', 'of this region only')
      .option('--reason <text>', 'why, for the log and the report')
      .option('--dry-run', 'say what would be done, and do nothing')
      .option('--watch', 'wait for the end, and show how it goes')
      .option('--cancel', 'ask nobody any more')
      .option('--json', 'print JSON, a line for each change'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => rebalance(options, terminal))
}

async function rebalance(options: Options, terminal: Terminal): Promise<void> {
  const { over, region, reason, dryRun, watch, cancel, json } = options
  const api = apiOf(options, terminal.env)
  if (cancel) {
    await cancelAll(api, terminal)
    return
  }
  const body = {
    plan: over,
    ...(region === undefined ? {} : { region }),
    ...(reason === undefined ? {} : { reason }),
    ...(dryRun ? { dryRun } : {}),
  }
  const answer = (await api.post('/v1/rebalances', JSON.stringify(body))) as Answer
  if (answer.job === null) {
    terminal.print(json ? JSON.stringify(answer) : 'the nodes have about the same number of clients')
    return
  }
  const { job } = answer
  if (dryRun || watch !== true) {
    if (json) terminal.print(JSON.stringify(answer))
    else if (answer.forecast !== undefined)
      for (const line of forecastLines(job, answer.forecast)) terminal.print(line)
    if (!dryRun) terminal.tell(`${job.id} has begun; sluice drain --watch ${job.id} shows how it goes`)
    return
  }
  const last = await watchJob(api, job.id, terminal, options)
  if (!json) printReport(last, terminal)
}

interface Answer {
  readonly job: JobView | null
  readonly forecast?: Forecast
}

async function cancelAll(api: GatewayApi, terminal: Terminal): Promise<void> {
  const jobs = (await listJobs(api)).filter(
    ({ kind, endedAt }) => kind === 'rebalance' && endedAt === undefined,
  )
  if (jobs.length === 0) throw new CommandError('no node is moving clients')
  for (const { id } of jobs) {
    const { job } = (await api.delete(`/v1/drains/${id}`)) as { readonly job: JobView }
    terminal.tell(progressLine(job))
  }
}

/**
 * `sluice drains` and `sluice report`: the drains of a day, and what became of whom.
 */
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { listLines } from './drain-view.ts'
import { addApiOptions, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import { printReport, readJob } from './watch-job.ts'
import type { ListedJob } from '../drain/job-view.ts'

const REPORT_EXAMPLES = `
Examples:
  $ sluice report                                  the newest
  $ sluice report deploy-1.5.0                     all nodes that were told to stop in that deploy
  $ sluice report drain-5d1c03fa --json

What it says is kept for a day, also when the nodes have gone. Gaps of all nodes are those of the node where they were longest.
`

interface Options extends ApiOptions {
  readonly json?: true
}

export function addReports(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('drains')
      .summary('list the drains that run, and those of the last day')
      .description('Lists the drains and rebalances that run, and those of the last day.')
      .option('--json', 'as JSON'),
    'any node',
    'admin',
  ).action(async ({ json, ...access }: Options) => {
    const jobs = await listJobs(apiOf(access, terminal.env))
    if (json) terminal.print(JSON.stringify({ jobs }))
    else if (jobs.length === 0) terminal.print('there was no drain in the last day')
    else for (const line of listLines(jobs)) terminal.print(line)
  })
  addApiOptions(
    program
      .command('report')
      .summary('show what became of the clients of a drain')
      .description('Shows what became of the clients of all nodes of a drain, or of a deploy.')
      .argument('[job]', 'as sluice drains lists it; absent: the newest')
      .option('--json', 'as JSON'),
    'any node',
    'admin',
  )
    .addHelpText('after', REPORT_EXAMPLES)
    .action(async (wanted: string | undefined, { json, ...access }: Options) => {
      const api = apiOf(access, terminal.env)
      printReport(await readJob(api, wanted ?? (await newest(api)).id), terminal, json)
    })
}

/** The newest first. */
export async function listJobs(api: GatewayApi): Promise<readonly ListedJob[]> {
  return ((await api.get('/v1/drains')) as { readonly jobs: readonly ListedJob[] }).jobs
}

async function newest(api: GatewayApi): Promise<ListedJob> {
  const [job] = await listJobs(api)
  if (job === undefined) throw new CommandError('there was no drain in the last day')
  return job
}

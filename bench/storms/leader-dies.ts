/**
 * A region is drained node by node as one job, and the node that leads the job is killed in the middle of it: another one leads it
 * to its end.
 *
 *   npm run storm -- leader-dies [--clients 600] [--publishes 100] [--plan 1m]
 */
import { holdToData, printDeploy } from './parts/deploy-report.ts'
import { inTraffic, pause } from './parts/in-traffic.ts'
import { beginJob, jobAt, jobText, watchJob, type JobEnd } from './parts/job.ts'
import { Promises, type StormOptions } from './parts/report.ts'
import type { GatewayProcess } from '../../test/support/gateway-process.ts'

const REGIONS = ['eu', 'eu', 'us', 'us', 'us']
const LEADS = 'the node leads the jobs of the cluster'
const LOOK_EVERY_MS = 500
const MOVES_MAX = 1.1

export async function leaderDies(options: StormOptions): Promise<boolean> {
  const { plan = '1m' } = options
  const promises = new Promises()
  let end: JobEnd | undefined
  let killed = ''
  const found = await inTraffic(
    {
      nodes: REGIONS.map((region) => ({ node: { version: '1.0', region } })),
      started: REGIONS.length,
      plan,
    },
    options,
    async ({ cluster: { nodes } }) => {
      const staying = nodes.filter((_, index) => REGIONS[index] === 'us')
      const [asked] = staying as [GatewayProcess]
      // One balancer stands before all regions: it is to show nobody a node that goes next.
      const { id } = await beginJob(asked, { region: 'eu', plan, cordon: true })
      while (((await jobAt(asked, id))?.told ?? 0) === 0) await pause(LOOK_EVERY_MS)
      const leader = nodes.find(({ output }) => output.includes(LEADS))
      if (leader === undefined) throw new Error('no node says that it leads')
      killed = REGIONS[nodes.indexOf(leader)] as string
      await leader.kill()
      const witness = staying.find((node) => node !== leader) as GatewayProcess
      end = await watchJob(id, () => witness)
      for (const [index, node] of nodes.entries()) {
        if (REGIONS[index] !== 'eu' || node === leader) continue
        const exit = await node.ended()
        promises.keep('the nodes of the region exit with 0', exit === 0, String(exit))
      }
      const next = nodes.some((node) => node !== leader && node.output.includes(LEADS))
      promises.keep('another node leads the job', next, 'none says so')
    },
  )
  const job = end as JobEnd
  printDeploy({ ...found, departures: [], movesMax: Infinity }, [
    ['killed', `the leader, a node of ${killed}`],
    ['the job', jobText(job)],
  ])
  holdToData(promises, found.herd)
  promises.keep('the job is done', job.last.state === 'done', job.last.state)
  promises.keep('the job keeps its deadline', job.tookMs <= job.deadlineMs, jobText(job))
  const moves = job.last.movesPerClient ?? 0
  promises.keep(`the job moves a client ${MOVES_MAX} times at most`, moves <= MOVES_MAX, String(moves))
  return promises.verdict()
}

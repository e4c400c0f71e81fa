/**
 * A real Prometheus with the alerts of deploy/prometheus, looking at a running cluster in which something is wrong for a while: each alert
 * comes, and goes when all is well again. The pace is that of a test; what alerts ask for is what is deployed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { LocalCluster } from '../support/local-cluster.ts'
import { programOr } from '../support/program.ts'
import { freePort, ServerProcess, temporaryDirectory } from '../support/server-process.ts'

const RULES = new URL('../../deploy/prometheus/alerts.yaml', import.meta.url)
const prometheusProgram = programOr('prometheus', 'apt-get install prometheus')

interface Fault {
  readonly alert: string
  readonly labels: Readonly<Record<string, string>>
  /** What is typed. */
  readonly breaks: string
  readonly heals: string
}

const FAULTS: readonly (readonly [what: string, fault: Fault])[] = [
  [
    'NATS stands still',
    {
      alert: 'SluicePartDown',
      labels: { part: 'backbone' },
      breaks: 'kill -STOP $(cat $CLUSTER/nats-1.pid)',
      heals: 'kill -CONT $(cat $CLUSTER/nats-1.pid)',
    },
  ],
  [
    'Redis stands still',
    {
      alert: 'SluicePartDown',
      labels: { part: 'registry' },
      breaks: 'kill -STOP $(cat $CLUSTER/redis.pid)',
      heals: 'kill -CONT $(cat $CLUSTER/redis.pid)',
    },
  ],
  [
    'a node stands still',
    {
      alert: 'SluiceNodeNotScraped',
      labels: { job: 'sluice' },
      breaks: 'kill -STOP $(cat $CLUSTER/node-3.pid)',
      heals: 'kill -CONT $(cat $CLUSTER/node-3.pid)',
    },
  ],
  [
    'all nodes are kept out',
    {
      alert: 'SluiceNoActiveNode',
      labels: {},
      breaks: "sluice cordon --version '*'",
      heals: "sluice uncordon --version '*'",
    },
  ],
]

describe.skipIf(prometheusProgram.missing !== undefined)(
  `alerts in a cluster${prometheusProgram.note}`,
  () => {
    let cluster: LocalCluster
    let prometheus: ServerProcess
    let port: number
    const directory = temporaryDirectory('prometheus')

    beforeAll(async () => {
      cluster = await LocalCluster.start()
      const targets = [...cluster.output.matchAll(/^ *node-\d +http:\/\/(\S+)/gm)].map(
        ([, address]) => address,
      )
      const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: { for?: string }[] }[] }
      for (const rule of groups.flatMap(({ rules }) => rules)) if (rule.for !== undefined) rule.for = '1s'
      writeFileSync(join(directory.path, 'alerts.yaml'), stringify({ groups }))
      writeFileSync(
        join(directory.path, 'prometheus.yml'),
        stringify({
          global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
          rule_files: ['alerts.yaml'],
          scrape_configs: [{ job_name: 'sluice', static_configs: [{ targets }] }],
        }),
      )
      port = await freePort()
      prometheus = await ServerProcess.start({
        program: 'prometheus',
        install: 'apt-get install prometheus',
        args: [
          `--config.file=${directory.path}/prometheus.yml`,
          `--storage.tsdb.path=${directory.path}/data`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        ready: 'Server is ready to receive web requests',
      })
      expect(targets).toHaveLength(3)
    })
    afterAll(async () => {
      await prometheus.kill()
      await cluster.interrupt()
      directory.remove()
    })

    /** Those that are on, as `name{labels}` by what a fault says of it. */
    async function isOn({ alert, labels }: Fault): Promise<boolean> {
      const { data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/alerts`)).json()) as {
        data: { alerts: { labels: Record<string, string>; state: string }[] }
      }
      return data.alerts.some(
        (one) =>
          one.state === 'firing' &&
          Object.entries({ alertname: alert, ...labels }).every(
            ([name, value]) => one.labels[name] === value,
          ),
      )
    }

    it.each(FAULTS)('%s: it comes, and goes', async (_what, fault) => {
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(false)
      expect(await cluster.type(fault.breaks)).toMatchObject({ code: 0 })
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(true)
      expect(await cluster.type(fault.heals)).toMatchObject({ code: 0 })
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(false)
    })
  },
)

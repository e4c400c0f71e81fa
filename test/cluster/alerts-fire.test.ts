/**
 * A real Prometheus with the alerts of deploy/prometheus, looking at a running cluster in which something is wrong for a while: each alert
 * comes, and goes when all is well again. The pace is that of a test; what alerts ask for is what is deployed.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { CertificateAuthority, type Certificate } from '../support/certificates.ts'
import { LocalCluster } from '../support/local-cluster.ts'
import { programOr } from '../support/program.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'
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

/** One on top of the other, so that their windows pass side by side. */
const SIDE_BY_SIDE: readonly Fault[] = [
  {
    alert: 'SluicePacketsRefused',
    labels: { why: 'bare' },
    breaks: `port=$(curl -s $NATS_MONITOR/varz | grep -oE '"port": [0-9]+' | grep -oE '[0-9]+')
      exec 3<>/dev/tcp/127.0.0.1/$port
      printf 'CONNECT {"verbose":false}\\r\\nPUB sluice.all 4\\r\\njunk\\r\\nPING\\r\\n' >&3
      while read -r line <&3; do case "$line" in PONG*) break;; esac; done`,
    heals: 'true',
  },
  {
    alert: 'SluiceTableOfNodesSpoiled',
    labels: {},
    breaks: `redis-cli -u $REDIS_URL hset sluice:nodes nonsense '9999999999999 0 {nonsense}'`,
    heals: 'redis-cli -u $REDIS_URL hdel sluice:nodes nonsense',
  },
  {
    alert: 'SluiceConnectionsLost',
    labels: {},
    breaks: `node --input-type=module -e '
      import WebSocket from "ws"
      const { SLUICE_URL, SLUICE_TOKEN } = process.env
      await Promise.all(Array.from({ length: 60 }, () => new Promise((done, failed) => {
        const socket = new WebSocket(SLUICE_URL + "/v1/ws?token=" + SLUICE_TOKEN, "sluice.v1")
        socket.on("error", failed)
        socket.on("open", () => { socket._socket.resetAndDestroy(); done() })
      })))'`,
    heals: 'true',
  },
  {
    alert: 'SluicePublishesFail',
    labels: { code: 'unavailable' },
    breaks: `kill -STOP $(cat $CLUSTER/redis.pid)
      for i in 1 2 3 4; do sluice publish news '"lost"' && exit 1; done; true`,
    heals: 'kill -CONT $(cat $CLUSTER/redis.pid)',
  },
]

const CERTIFICATES: readonly Fault[] = [30, 14, 7].map((days) => ({
  alert: `SluiceCertificateIn${days}Days`,
  labels: { listener: 'public' },
  breaks: 'true',
  heals: 'true',
}))

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
    /** A node with a certificate, which those of the cluster do not have. */
    let own: StartedNode
    let ca: CertificateAuthority
    let files: Certificate
    const directory = temporaryDirectory('prometheus')

    beforeAll(async () => {
      ca = new CertificateAuthority()
      files = { certFile: ca.file('served.pem'), keyFile: ca.file('served.key') }
      put(2)
      ;[cluster, own] = await Promise.all([
        LocalCluster.start(),
        freePort().then((at) => startNode({ port: at, tls: files })),
      ])
      const targets = [...cluster.output.matchAll(/^ *node-\d +http:\/\/(\S+)/gm)].map(
        ([, address]) => address,
      )
      const { groups } = parse(readFileSync(RULES, 'utf8')) as {
        groups: { rules: { for?: string; expr: string }[] }[]
      }
      for (const rule of groups.flatMap(({ rules }) => rules)) {
        if (rule.for !== undefined) rule.for = '1s'
        rule.expr = rule.expr.replaceAll(/\[\d+m\]/g, '[10s]')
      }
      writeFileSync(join(directory.path, 'alerts.yaml'), stringify({ groups }))
      writeFileSync(
        join(directory.path, 'prometheus.yml'),
        stringify({
          global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
          rule_files: ['alerts.yaml'],
          scrape_configs: [
            { job_name: 'sluice', static_configs: [{ targets }] },
            { job_name: 'own', static_configs: [{ targets: [`127.0.0.1:${own.apiPort}`] }] },
          ],
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
      await own.close()
      ca.remove()
      directory.remove()
    })

    /** So many nodes have answered three times. */
    async function looksAt(count: number): Promise<boolean> {
      const query = encodeURIComponent('count(sum_over_time(up[1m]) >= 3)')
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${query}`)
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } }
      return data.result[0]?.value[1] === String(count)
    }

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

    function put(days: number): void {
      const issued = ca.issue('served', undefined, days)
      copyFileSync(issued.certFile, files.certFile)
      copyFileSync(issued.keyFile, files.keyFile)
    }

    /** An async function, since a poll begins only when somebody waits for it. */
    async function comes(fault: Fault): Promise<void> {
      await expect.poll(() => isOn(fault), { interval: 300 }).toBe(true)
    }

    it('come side by side for what goes wrong side by side, and go', async () => {
      // What is there at the first look is no increase.
      await expect.poll(() => looksAt(4), { interval: 300 }).toBe(true)
      const all = [...SIDE_BY_SIDE, ...CERTIFICATES]
      for (const fault of CERTIFICATES) await comes(fault)
      for (const fault of SIDE_BY_SIDE) {
        // Looked for from the first moment on: it may be over by the time that all of it is typed.
        const [typed] = await Promise.all([cluster.type(fault.breaks), comes(fault)])
        expect(typed).toMatchObject({ code: 0 })
      }
      // The last first: while Redis stands still nothing is mended in it.
      for (const { heals } of SIDE_BY_SIDE.toReversed())
        expect(await cluster.type(heals)).toMatchObject({ code: 0 })
      put(90)
      await own.renewCertificates()
      await expect
        .poll(async () => (await Promise.all(all.map(isOn))).filter(Boolean), { interval: 500 })
        .toEqual([])
      // It is no part of the cluster that the others are about.
      await own.close()
    })

    it.each(FAULTS)('%s: it comes, and goes', async (_what, fault) => {
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(false)
      expect(await cluster.type(fault.breaks)).toMatchObject({ code: 0 })
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(true)
      expect(await cluster.type(fault.heals)).toMatchObject({ code: 0 })
      await expect.poll(() => isOn(fault), { interval: 500 }).toBe(false)
    })
  },
)

/** A real Prometheus with the alerts of deploy/prometheus in a hurry: what they ask for is what is deployed, how long they wait is not. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePort, ServerProcess, temporaryDirectory } from '../server-process.ts'

const RULES = new URL('../../../deploy/prometheus/alerts.yaml', import.meta.url)
const UNIT_S = { s: 1, m: 60, h: 3600 } as const
const SCRAPE = '1s'

/** In seconds, of what the deployed rules say in seconds. */
export interface Hurry {
  readonly forS: (deployedS: number) => number
  readonly windowS: (deployedS: number) => number
}

export interface AlertName {
  readonly alert: string
  /** Of which it is to be; others with the same name may be there, too. */
  readonly labels?: Readonly<Record<string, string>>
}

interface Groups {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; for?: string; expr: string }[]
  }[]
}

/** All that are deployed. */
export function deployedAlerts(): string[] {
  return readRules().groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))
}

function readRules(): Groups {
  return parse(readFileSync(RULES, 'utf8')) as Groups
}

function hurried({ forS, windowS }: Hurry): Groups {
  const rules = readRules()
  for (const rule of rules.groups.flatMap((group) => group.rules)) {
    if (rule.for !== undefined) rule.for = `${forS(secondsOf(rule.for))}s`
    rule.expr = rule.expr.replaceAll(/\[(\d+[smh])\]/g, (_, text: string) => `[${windowS(secondsOf(text))}s]`)
  }
  return rules
}

function secondsOf(text: string): number {
  return Number.parseInt(text, 10) * UNIT_S[text.at(-1) as keyof typeof UNIT_S]
}

export class AlertWatch {
  readonly #url: string
  readonly #startedS = Date.now() / 1000
  readonly #process: ServerProcess
  readonly #directory: { remove(): void }

  private constructor(url: string, process: ServerProcess, directory: { remove(): void }) {
    this.#url = url
    this.#process = process
    this.#directory = directory
  }

  /** `jobs`: whom it looks at, as `host:port` by the name of the job. */
  static async start(jobs: Readonly<Record<string, readonly string[]>>, hurry: Hurry): Promise<AlertWatch> {
    const directory = temporaryDirectory('prometheus')
    writeFileSync(join(directory.path, 'alerts.yaml'), stringify(hurried(hurry)))
    writeFileSync(
      join(directory.path, 'prometheus.yml'),
      stringify({
        global: { scrape_interval: SCRAPE, scrape_timeout: SCRAPE, evaluation_interval: SCRAPE },
        rule_files: ['alerts.yaml'],
        scrape_configs: Object.entries(jobs).map(([name, targets]) => ({
          job_name: name,
          static_configs: [{ targets }],
        })),
      }),
    )
    const port = await freePort()
    const server = await ServerProcess.start({
      program: 'prometheus',
      install: 'apt-get install prometheus',
      args: [
        `--config.file=${directory.path}/prometheus.yml`,
        `--storage.tsdb.path=${directory.path}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      ready: 'Server is ready to receive web requests',
    })
    return new AlertWatch(`http://127.0.0.1:${port}/api/v1/`, server, directory)
  }

  /** So many have answered three times: what is there at the first look is no increase. */
  async looksAt(count: number): Promise<boolean> {
    const query = encodeURIComponent('count(sum_over_time(up[1m]) >= 3)')
    const { result } = await this.#ask<{ result: { value: [number, string] }[] }>(`query?query=${query}`)
    return result[0]?.value[1] === String(count)
  }

  async isOn({ alert, labels = {} }: AlertName): Promise<boolean> {
    const { alerts } = await this.#ask<{
      alerts: readonly { readonly labels: Readonly<Record<string, string>>; readonly state: string }[]
    }>('alerts')
    return alerts.some(
      (one) =>
        one.state === 'firing' &&
        Object.entries({ alertname: alert, ...labels }).every(([name, value]) => one.labels[name] === value),
    )
  }

  /** All that an expression has answered since it runs, second by second, by the labels of each series; what is no number is left out. */
  async historyOf(expression: string): Promise<{ labels: Record<string, string>; values: number[] }[]> {
    const query = new URLSearchParams({
      query: expression,
      start: String(this.#startedS),
      end: String(Date.now() / 1000),
      step: SCRAPE,
    })
    const { result } = await this.#ask<{
      result: { metric: Record<string, string>; values: [number, string][] }[]
    }>(`query_range?${query.toString()}`)
    return result.map(({ metric, values }) => ({
      labels: metric,
      values: values.map(([, value]) => Number(value)).filter((value) => Number.isFinite(value)),
    }))
  }

  /** Those of a label, of the series of one metric, as a dashboard has them to choose from. */
  valuesOf(label: string, metric: string): Promise<string[]> {
    const query = new URLSearchParams({ 'match[]': metric })
    return this.#ask<string[]>(`label/${label}/values?${query.toString()}`)
  }

  /** Those that are on, of these. */
  async onOf(names: readonly AlertName[]): Promise<string[]> {
    const on = await Promise.all(names.map((name) => this.isOn(name)))
    return names.flatMap(({ alert }, index) => (on[index] === true ? [alert] : []))
  }

  async close(): Promise<void> {
    await this.#process.kill()
    this.#directory.remove()
  }

  async #ask<Data>(path: string): Promise<Data> {
    return ((await (await fetch(this.#url + path)).json()) as { data: Data }).data
  }
}

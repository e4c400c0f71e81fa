/**
 * The cluster at a glance: one sentence, what moves, the nodes, the last minutes, and the story of what has happened.
 */
import { Chart, type Series } from './chart.tsx'
import { JobCard } from './job.tsx'
import { Nodes, Versions } from './nodes.tsx'
import type { ClusterShown, NodeShown } from './shapes.ts'
import type { Line } from './story.ts'
import type { Sample, Watching } from './watching.ts'
import { clockTime, count, duration, many, paceText, percent, rate, shortId, jobTitle } from './words.ts'

/** With more of them nobody could tell the lines apart. */
const LINES_MAX = 8

function headline({ cluster, jobs, live }: Watching): { readonly text: string; readonly tone: string } {
  if (cluster === undefined) return { text: 'Looking at the cluster…', tone: 'plain' }
  const [job] = jobs.running ?? []
  const ill = cluster.nodes.filter(({ degraded }) => degraded.length > 0)
  const clients = cluster.nodes.reduce((sum, { connections }) => sum + connections, 0)
  const all = many(cluster.nodes.length, 'node')
  if (live.kind === 'away')
    return {
      text: `At ${clockTime(live.since)} there were ${all} with ${many(clients, 'client')}; nothing has been heard since.`,
      tone: 'bad',
    }
  if (cluster.stale === true)
    return { text: 'The registry does not answer: what you see is what the node knew last.', tone: 'bad' }
  if (ill.length > 0)
    return {
      text: `${many(ill.length, 'node')} of ${count(cluster.nodes.length)} ${ill.length === 1 ? 'is' : 'are'} not well; ${many(clients, 'client')} are served.`,
      tone: 'bad',
    }
  if (job !== undefined) {
    const gone = percent(job.total - job.remaining, job.total)
    const tone = job.holding === undefined && job.state === 'running' ? 'good' : 'held'
    return { text: `${jobTitle(job)}: ${gone} have gone. ${paceText(job)}.`, tone }
  }
  return {
    text: `All is well: ${all} ${cluster.nodes.length === 1 ? 'serves' : 'serve'} ${many(clients, 'client')}.`,
    tone: 'good',
  }
}

function clientSeries(samples: readonly Sample[]): Series[] {
  const newest = samples.at(-1)?.cluster.nodes ?? []
  // By node while that can be read; by version beyond.
  const seen = new Map(
    samples.flatMap(({ cluster }) => cluster.nodes.map((node) => [node.id, node] as const)),
  )
  const byNode = seen.size <= LINES_MAX
  const keyOf = ({ id, version }: NodeShown): string => (byNode ? `${shortId(id)} (${version})` : version)
  const order = new Set([...newest, ...seen.values()].map(keyOf).sort())
  const sums = samples.map(({ cluster }) => {
    const sum = new Map<string, number>()
    for (const node of cluster.nodes) sum.set(keyOf(node), (sum.get(keyOf(node)) ?? 0) + node.connections)
    return sum
  })
  return [...order].map((name) => ({ name, values: sums.map((sum) => sum.get(name) ?? null) }))
}

function sumOf(of: (node: NodeShown) => number): (sample: Sample) => number {
  return ({ cluster }) => cluster.nodes.reduce((sum, node) => sum + of(node), 0)
}

/** The worst node's: an average would hide it. */
function worstOf(of: (node: NodeShown) => number | undefined): (sample: Sample) => number | null {
  return ({ cluster }) => {
    const values = cluster.nodes.flatMap((node) => of(node) ?? [])
    return values.length === 0 ? null : Math.max(...values)
  }
}

function Charts({ samples }: { readonly samples: readonly Sample[] }) {
  const times = samples.map(({ at }) => at / 1000)
  const rates = [
    { name: 'published', values: samples.map(sumOf(({ rates: { published } }) => published)) },
    { name: 'delivered', values: samples.map(sumOf(({ rates: { delivered } }) => delivered)) },
    { name: 'connects', values: samples.map(sumOf(({ rates: { connects } }) => connects)) },
  ]
  const latencies = [
    { name: 'p50', values: samples.map(worstOf(({ service }) => service?.latencyMs?.p50)) },
    { name: 'p99', values: samples.map(worstOf(({ service }) => service?.latencyMs?.p99)) },
    { name: 'loop lag', values: samples.map(worstOf(({ service }) => service?.lagMs)) },
  ]
  return (
    <section aria-labelledby="charts-title">
      <h2 id="charts-title">Since you look</h2>
      <div class="charts">
        <Chart title="Clients" unit="by node" times={times} series={clientSeries(samples)} shown={count} />
        <Chart title="Rates" unit="a second, all nodes" times={times} series={rates} shown={rate} />
        <Chart
          title="Latency"
          unit="to the write, slowest node"
          times={times}
          series={latencies}
          shown={duration}
        />
      </div>
    </section>
  )
}

const TONE_WORDS = { plain: '', good: 'good: ', held: 'held: ', bad: 'bad: ' } as const

export function Story({ lines }: { readonly lines: readonly Line[] }) {
  return (
    <section class="card story" aria-labelledby="story-title">
      <h2 id="story-title">What happened</h2>
      <div class="lines" role="log" aria-live="polite" aria-labelledby="story-title" tabIndex={0}>
        <ol>
          {lines.map(({ at, tone, text }) => (
            <li key={`${at} ${text}`} class={tone}>
              <time dateTime={new Date(at).toISOString()}>{clockTime(at)}</time>
              <span>
                <span class="heard">{TONE_WORDS[tone]}</span>
                {text}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}

export function Overview({ watching, apiKey }: { readonly watching: Watching; readonly apiKey: string }) {
  const { cluster, jobs, story, samples, node } = watching
  const { text, tone } = headline(watching)
  return (
    <>
      <h1 id="view-title" tabIndex={-1} class={`headline ${tone}`}>
        {text}
      </h1>
      {jobs.unavailable !== undefined && <p class="fault">Drains cannot be seen now: {jobs.unavailable}</p>}
      {(jobs.running ?? []).map((job) => (
        <JobCard key={job.id} job={job} apiKey={apiKey} />
      ))}
      {cluster !== undefined && <Known cluster={cluster} asked={node} story={story} />}
      {samples.length > 0 && <Charts samples={samples} />}
    </>
  )
}

function Known(props: {
  readonly cluster: ClusterShown
  readonly asked: string | undefined
  readonly story: readonly Line[]
}) {
  const { cluster, asked, story } = props
  return (
    <div class="two">
      <div>
        <Nodes cluster={cluster} asked={asked} />
        <Versions cluster={cluster} />
      </div>
      <Story lines={story} />
    </div>
  )
}
